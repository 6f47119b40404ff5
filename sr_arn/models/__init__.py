"""Luminance models: from an LR plane to an HR plane."""
