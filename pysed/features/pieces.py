"""Features of sound that comes in pieces, each computed once, equal to those of the whole.

Frames are cut from the sound as it comes, with what they see to either side, so that a piece's edges leave no trace.
The recogniser hears the sound as utterances of a given length, one after the other, as it heard the clips of training;
its i-vectors go on from one to the next as those of a speaker do.
"""

import copy
from collections.abc import Callable

import numpy as np

from pysed.features.frontend import FrontEnd
from pysed.features.grid import to_grid
from pysed.features.of_samples import RATE_HZ, AsrFeatures, sed_features
from pysed.kaldi.cmvn import OnlineCmvnOptions

_ROW_S = 0.03  # of a recogniser's output
_CENTRE_S = 0.0125  # of its first row
_NEAR_ROWS = 3  # more than reach into a frame of the grid
_FRAMES_A_SECOND = 100


class Frames:
    """Rows of sound that comes in pieces. ``compute``: samples (T,) -> rows (N, F), one every ``shift`` samples, which
    see ``reach`` samples beyond their own."""

    def __init__(self, compute: Callable[[np.ndarray], np.ndarray], shift: int, reach: int):
        self._compute, self._shift = compute, shift
        self._margin = -(-reach // shift)
        self._samples = np.empty(0, np.float32)
        self._from = self._done = 0  # the row at the first sample kept, and the rows given out

    def push(self, samples: np.ndarray, is_last: bool = False) -> np.ndarray:
        """The rows (N, F) that are certain with these samples; all that are left with the last ones."""
        self._samples = np.concatenate((self._samples, samples))
        ready = self._from + len(self._samples) // self._shift - self._margin
        if not is_last and ready <= self._done:
            return self._compute(np.zeros(0, np.float32))
        rows = self._compute(self._samples)[self._done - self._from :]
        if not is_last:
            rows = rows[: ready - self._done]
            self._done = ready
            keep = max(0, ready - self._margin)
            self._samples = self._samples[(keep - self._from) * self._shift :]
            self._from = keep
        return rows


def front_end_frames(frontend: FrontEnd) -> Frames:
    """Rows of a front end, for 16-bit valued samples."""
    rate_hz = frontend.sample_frequency_hz
    shift, size = (round(rate_hz * ms / 1000) for ms in (frontend.frame_shift_ms, frontend.frame_length_ms))

    def compute(samples: np.ndarray) -> np.ndarray:
        rows = sed_features(samples, frontend)
        return rows if len(rows) else np.zeros((0, frontend.num_mel_bins), np.float32)

    return Frames(compute, shift * frontend.average_frames, size)


class RecogniserFrames:
    """A recogniser's features on the 100 ms grid of the scores, of 16-bit valued samples that come in pieces."""

    def __init__(self, recogniser: AsrFeatures, utterance_s: float):
        options, network, extractor = recogniser.settings.mfcc, recogniser.network, recogniser.extractor
        self._recogniser, self._chunk = recogniser, network.frames_per_chunk
        self._factor = network.options.frame_subsampling_factor
        self._utterance = self._chunk * -(-round(utterance_s * _FRAMES_A_SECOND) // self._chunk)
        shift, reach = (round(RATE_HZ * ms / 1000) for ms in (options.frame_shift, options.frame_length))
        if options.sample_frequency != RATE_HZ:
            reach += shift  # more than the filter that resamples
        self._mfcc = Frames(recogniser.mfcc, shift, reach)
        self.kept: list[np.ndarray] | None = None  # the MFCC, where somebody puts a list here
        self._feats = np.empty((0, options.num_ceps), np.float32)  # from the start of the utterance at hand
        self._next = 0  # its frame at which the next chunk begins
        self._state = None if extractor is None else extractor.new_state()
        cmvn = recogniser.settings.cmvn
        is_online = (cmvn is None or isinstance(cmvn, OnlineCmvnOptions)) and not (
            extractor and extractor.options.greedy_ivector_extractor
        )
        self._needed = network.right_context if is_online else self._utterance  # frames beyond a chunk
        self._rows = np.empty((0, network.output_dim), np.float32)
        self._rows_from = self._given = 0

    def push(self, samples: np.ndarray, num_frames: int | None = None) -> np.ndarray:
        """The grid's frames (N, D) that are certain with these samples; ``num_frames`` with the last of them: how many
        there are to be in all."""
        is_last = num_frames is not None
        feats = self._mfcc.push(samples, is_last)
        if self.kept is not None:
            self.kept.append(feats)
        self._feats = np.concatenate((self._feats, feats))
        while len(self._feats) >= self._utterance:
            self._hear(self._utterance, True)
        self._hear(len(self._feats), is_last)
        count = self._rows_from + len(self._rows)
        ready = int((_CENTRE_S + _ROW_S * (count - 2)) * 10) if num_frames is None else num_frames
        if ready <= self._given:
            return np.empty((0, self._recogniser.network.output_dim), np.float32)
        centre_s = round(_CENTRE_S + _ROW_S * self._rows_from - self._given / 10, 6)
        grid = to_grid(self._rows, row_shift_s=_ROW_S, first_centre_s=centre_s, num_frames=ready - self._given)
        self._given = ready
        keep = max(self._rows_from, int(ready / 10 / _ROW_S) - _NEAR_ROWS)
        self._rows, self._rows_from = self._rows[keep - self._rows_from :], keep
        return grid

    def _hear(self, num_frames: int, is_whole: bool) -> None:
        """The rows of the utterance's first frames, as far as they are certain; a whole one makes room for the next."""
        last = num_frames if is_whole else max(0, num_frames - self._needed) // self._chunk * self._chunk
        if last > self._next:
            feats, ivectors = self._feats[:num_frames], None
            state = copy.deepcopy(self._state)
            if self._recogniser.extractor is not None:
                ivectors = self._recogniser.extractor.extract(feats, state)
            rows = self._next // self._factor, -(-last // self._factor)
            blocks = self._recogniser.network.blocks(self._recogniser.settings.normalise(feats), ivectors, rows)
            self._rows = np.concatenate((self._rows, *blocks))
            self._next = last
            if is_whole:
                self._state = state
        if is_whole:
            self._feats, self._next = self._feats[num_frames:], 0
