"""What is looked at in a browser: a report, a comparison of two pictures, a local page."""
