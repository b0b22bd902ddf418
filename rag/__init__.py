"""A question in, quoted and cited sentences out."""
