"""From a picture, or many, to larger ones."""
