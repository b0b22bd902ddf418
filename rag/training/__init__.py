"""How a reader is made: data sets in, windows with labels, a model out (`rag.train` is the way in)."""
