"""Rare sound event detection with speech-recogniser features."""

__version__ = "0.1.0"
