"""The name under which other tools import what ``pysed.features.of_samples`` holds."""

from pysed.features.of_samples import AsrFeatures, as_int16_values, find_asr_model, sed_features

__all__ = ["AsrFeatures", "as_int16_values", "find_asr_model", "sed_features"]
