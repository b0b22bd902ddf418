"""Formats of articles: one module for each kind of file, and `index.formats.registry`, which knows them by suffix."""
