"""From a file to chunks: reading, normalising, sentences, packing, and the kept plan of a book."""
