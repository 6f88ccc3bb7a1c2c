"""What a recogniser hears in a recording: its phones with their times, as stage 4 aligns them, without files."""

from pathlib import Path

import numpy as np

from pysed.features.of_samples import FRAMES_PER_CHUNK, AsrFeatures
from pysed.kaldi.decode import DecoderOptions
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.phones import read_phones, split_to_phones
from pysed.kaldi.recogniser import Recogniser

_FRAME_S = 0.01
_OPTIONS = DecoderOptions(beam=15.0, max_active=7000)  # steps/make_alignments.sh's


def has_graph(folder: Path) -> bool:
    """Whether an ASR model's folder holds what phones are decoded with."""
    return (folder / "graph/HCLG.fst").is_file()


class PhoneTrack:
    """The phones that a recogniser with a graph hears. Raises DataError for a model folder that lacks a file."""

    def __init__(self, recogniser: AsrFeatures):
        folder, factor = recogniser.settings.path, recogniser.settings.frame_subsampling_factor
        period = 1 if recogniser.extractor is None else recogniser.extractor.options.ivector_period
        chunks = ChunkOptions(FRAMES_PER_CHUNK, frame_subsampling_factor=factor, online_ivector_period=period)
        self._recogniser = recogniser
        self._decoder = Recogniser(str(folder / "final.mdl"), str(folder / "graph/HCLG.fst"), chunks, _OPTIONS)
        self._names = read_phones(str(folder / "phones.txt"), self._decoder.transitions)
        self._hop_s = factor * _FRAME_S

    def compute(self, samples: np.ndarray) -> list[tuple[float, float, str]]:
        """(start, duration, phone) in seconds of 16-bit valued samples at 16 kHz; none where no path is left."""
        return self.compute_of_mfcc(self._recogniser.mfcc(samples))

    def compute_of_mfcc(self, feats: np.ndarray) -> list[tuple[float, float, str]]:
        """The same of an utterance's hires MFCC (T, F)."""
        if not len(feats):
            return []
        decoded = self._decoder.decode(*self._recogniser.inputs_of_mfcc(feats))
        phones: list[tuple[float, float, str]] = []
        frame = 0
        for number, length in [] if decoded is None else split_to_phones(self._decoder.transitions, decoded.alignment):
            phones.append((frame * self._hop_s, length * self._hop_s, self._names[number]))
            frame += length
        return phones
