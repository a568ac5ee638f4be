"""Easel: pictures from words and photos, on your own computer."""

__version__ = "0.1.0"
