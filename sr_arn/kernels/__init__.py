"""The compiled loops, on plain arrays."""
