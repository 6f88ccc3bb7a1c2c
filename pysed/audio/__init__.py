"""Audio files: one reader with one policy (`reading`), folders of them (`folders`), wav out (`writing`)."""

from pysed.audio.reading import AudioFile, duration_of, rate_of, read_audio, refuse_damage
from pysed.audio.writing import resample, write_wav

__all__ = ["AudioFile", "duration_of", "rate_of", "read_audio", "refuse_damage", "resample", "write_wav"]
