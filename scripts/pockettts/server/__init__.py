"""The HTTP server: worker processes with a warm engine each, behind one FastAPI application."""
