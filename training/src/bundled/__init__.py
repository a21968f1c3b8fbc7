"""Trains the small Pocket TTS model that ships with pockettts; a library of its own that the product never imports."""
