"""Where an index is kept: SQLite is the truth, FAISS and Tantivy files are accelerators derived from it."""
