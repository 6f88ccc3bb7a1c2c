"""Rare sound event detection with speech-recogniser features."""

from typing import Any

__version__ = "1.0.0"

_HOMES = {"Decision": "decide", "Detection": "decide", "Detector": "detector"}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """What ``from pysed import`` gives is loaded when it is asked for: ``import pysed`` alone takes no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pysed' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"pysed.detect.{_HOMES[name]}"), name)
