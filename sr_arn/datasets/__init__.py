"""Folders of pictures, their smaller versions, and the known test sets."""
