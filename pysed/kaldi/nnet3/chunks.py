"""How an utterance is cut into chunks: Kaldi's options and defaults. No torch here.

Source: Kaldi ``src/nnet3/nnet-am-decodable-simple.h``.
"""

import dataclasses
from dataclasses import dataclass

from pysed.errors import DataError


def _option(default: int, doc: str) -> int:
    return dataclasses.field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class ChunkOptions:
    """How an utterance is cut into chunks; the names and defaults are Kaldi's.

    Frames are input frames; ``*_initial`` and ``*_final`` replace the extra context at the utterance's ends where >= 0.
    """

    frames_per_chunk: int = _option(
        50, "Number of frames in each chunk that is separately evaluated by the neural net, in input frames"
    )
    frame_subsampling_factor: int = _option(1, "Input frames per output frame")
    extra_left_context: int = _option(
        0, "Number of frames of left-context to add to the neural net's inherent left context"
    )
    extra_right_context: int = _option(
        0, "Number of frames of right-context to add to the neural net's inherent right context"
    )
    extra_left_context_initial: int = _option(
        -1, "If >= 0, overrides --extra-left-context at the start of an utterance"
    )
    extra_right_context_final: int = _option(-1, "If >= 0, overrides --extra-right-context at the end of an utterance")
    online_ivector_period: int = _option(
        10, "Number of frames between iVectors in matrices supplied to --online-ivectors"
    )

    def check(self) -> None:
        """Raise DataError for values that make no sense."""
        for name in ("frames_per_chunk", "frame_subsampling_factor", "online_ivector_period"):
            if getattr(self, name) < 1:
                raise DataError(f"--{name.replace('_', '-')}={getattr(self, name)}: expected a positive number")
        for name in ("extra_left_context", "extra_right_context"):
            if getattr(self, name) < 0:
                raise DataError(f"--{name.replace('_', '-')}={getattr(self, name)}: expected 0 or more")
        if max(dataclasses.astuple(self)) > 10_000_000:
            raise DataError("chunk and context sizes: expected at most 10,000,000 frames")
