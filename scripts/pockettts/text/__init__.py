"""From a file to chunks: reading, normalizing, sentences, packing, and the kept plan of a book."""
