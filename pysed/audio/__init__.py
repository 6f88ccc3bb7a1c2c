"""Audio files: one reader with one policy (`reading`), folders of them (`folders`), wav out (`writing`)."""

from pysed.audio.reading import AudioBlocks, AudioFile, duration_of, rate_of, read_audio, refuse_damage
from pysed.audio.writing import Resampler, resample, write_wav

__all__ = [
    "AudioBlocks", "AudioFile", "Resampler", "duration_of", "rate_of", "read_audio", "refuse_damage", "resample",
    "write_wav",
]  # fmt: skip
