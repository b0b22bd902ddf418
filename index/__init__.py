"""Articles in, a searchable index on disk out."""
