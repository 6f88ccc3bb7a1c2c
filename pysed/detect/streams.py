"""The name under which other tools import what ``pysed.features.streams`` holds."""

from pysed.features.streams import AsrFeatures, as_int16_values, find_asr_model, sed_features

__all__ = ["AsrFeatures", "as_int16_values", "find_asr_model", "sed_features"]
