"""Pages for a browser: a report, a comparison of two pictures, the local page."""
