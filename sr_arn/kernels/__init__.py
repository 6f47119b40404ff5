"""All compiled loops, on plain arrays."""
