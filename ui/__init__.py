"""The chat: a question box, cited quotes, and the source beside them."""
