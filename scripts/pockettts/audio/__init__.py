"""Sound: WAV files in and out, joining takes, mastering, measuring, and the report on a book."""
