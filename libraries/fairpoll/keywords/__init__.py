"""Robot Framework keyword libraries, and the only package that imports Robot Framework."""
