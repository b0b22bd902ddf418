"""Reading ahead: files are read and articles prepared in processes that can be ended, while others are embedded."""
