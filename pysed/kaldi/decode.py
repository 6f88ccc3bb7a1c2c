"""Decoding: the best path through a graph for a network's scores. No torch here.

The search is kaldi-decoder's ``FasterDecoder`` (Kaldi ``src/decoder/faster-decoder.cc``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.lattice import Arc, CompactLattice, Weight
from pysed.kaldi.openfst import load_graph
from pysed.kaldi.transitions import TransitionModel

_INT_MAX = 2**31 - 1
_MOST_SCORE = 1e30
_BLOCK_VALUES = 1 << 23  # scores of transition-ids at a time: 32 MiB


def _option(default: float, doc: str):
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class DecoderOptions:
    """Pruning of the search; names and defaults are Kaldi's (LatticeFasterDecoderConfig)."""

    beam: float = _option(16.0, "Decoding beam.  Larger->slower, more accurate.")
    max_active: int = _option(_INT_MAX, "Decoder max active states.  Larger->slower; more accurate")
    min_active: int = _option(200, "Decoder minimum #active states.")
    beam_delta: float = _option(0.5, "Increment used when --max-active prunes.  Larger is more accurate.")
    hash_ratio: float = _option(2.0, "Setting used in decoder to control hash behavior")

    def check(self) -> None:
        """Raise DataError for values that make no sense."""
        for name, value, low, high in (
            ("beam", self.beam, 0, np.inf),
            ("beam-delta", self.beam_delta, 0, np.inf),
            ("hash-ratio", self.hash_ratio, 0.999, 1e3),
        ):
            if not low < value < high:
                raise DataError(f"--{name}={value:g}: expected a number above {low:g} and below {high:g}")
        if self.max_active < 2 or not 0 <= self.min_active <= self.max_active:
            raise DataError(
                f"--min-active={self.min_active} --max-active={self.max_active}: "
                "expected a maximum above 1 and a minimum from 0 to it"
            )


@dataclass(frozen=True)
class Decoded:
    """An utterance's best path: words (W,), alignment (T,) int32 transition-ids, the path as a lattice.

    The lattice's acoustic costs are unscaled, ``likelihood`` is of scaled ones. ``final``: a final state was reached.
    """

    words: np.ndarray
    alignment: np.ndarray
    lattice: CompactLattice
    likelihood: float
    final: bool


class Decoder:
    """Best paths through one graph for one model.

    Raises DataError for a graph that is damaged or does not fit the model.
    """

    def __init__(
        self,
        graph_rxfilename: str,
        transitions: TransitionModel,
        options: DecoderOptions | None = None,
        acoustic_scale: float = 1.0,
    ):
        import kaldi_decoder

        options = DecoderOptions() if options is None else options
        options.check()
        if not abs(acoustic_scale) < _MOST_SCORE:
            raise DataError(f"--acoustic-scale={acoustic_scale:g}: expected a number of usual size")
        self.transitions = transitions
        self.acoustic_scale = acoustic_scale
        self._pdfs = transitions.pdf[1:].astype(np.intp)
        self._graph = load_graph(graph_rxfilename, transitions.num_transition_ids)  # the decoder only refers to it
        settings = kaldi_decoder.FasterDecoderOptions(
            beam=options.beam,
            max_active=options.max_active,
            min_active=options.min_active,
            beam_delta=options.beam_delta,
            hash_ratio=options.hash_ratio,
        )
        self._decoder = kaldi_decoder.FasterDecoder(self._graph, settings)
        self._decodable = kaldi_decoder.DecodableCtc

    def decode(self, scores: np.ndarray | Iterable[np.ndarray]) -> Decoded | None:
        """The best path for log likelihoods (T, P), T > 0, whole or in consecutive blocks of frames.

        It ends in a final state where one can be reached, otherwise in the best state there is; None where no
        path of T frames is left. Raises DataError for scores that are not finite and for fewer columns than the
        model has pdfs.
        """
        decoder = self._decoder
        decoder.init_decoding()
        num_frames = 0
        for block in [scores] if isinstance(scores, np.ndarray) else scores:
            self._advance(block, num_frames)
            num_frames += len(block)
        final = decoder.reached_final()
        found, path = decoder.get_best_path()
        if not found:
            return None
        lattice, likelihood = self._lattice(path)
        weights = [arc.weight for leaving in lattice.arcs for arc in leaving]
        weights += [weight for weight in lattice.finals if weight is not None]
        words = np.array([arc.word for leaving in lattice.arcs for arc in leaving], np.int32)
        return Decoded(words, np.concatenate([w.ids for w in weights]), lattice, likelihood, final)

    def _advance(self, scores: np.ndarray, num_before: int) -> None:
        if scores.ndim != 2 or len(scores) == 0 or scores.shape[1] < self.transitions.num_pdfs:
            raise DataError(
                f"scores of shape {scores.shape}; expected frames and at least {self.transitions.num_pdfs} columns"
            )
        step = max(1, _BLOCK_VALUES // len(self._pdfs))
        for begin in range(0, len(scores), step):
            block = scores[begin : begin + step].astype(np.float32, copy=False)
            if self.acoustic_scale != 1:
                block = block * np.float32(self.acoustic_scale)
            if not max(block.max(), -block.min()) < _MOST_SCORE:  # false for what is no number
                raise DataError("the network's output is not finite; are features, i-vectors and model sound?")
            # (frames, pdfs) → (frames, transition-ids)
            self._decoder.advance_decoding(self._decodable(block.take(self._pdfs, axis=1), num_before + begin))

    def _lattice(self, path) -> tuple[CompactLattice, float]:
        """A linear FST as a compact lattice, an arc for each word with what precedes it, and its likelihood.

        What follows the last word is in the final weight, as after Kaldi's determinisation.
        """
        # kaldifst has no public way to a lattice's arcs: its ArcIterator refuses lattices, to_str() rounds the weights.
        from kaldifst.lib._kaldifst import _ArcIteratorLattice

        lattice = CompactLattice(0)
        state = lattice.add_state()
        unscaled = 1 / self.acoustic_scale if self.acoustic_scale else 1.0
        likelihood, graph, acoustic = 0.0, 0.0, 0.0
        ids: list[int] = []

        def weight() -> Weight:
            return Weight(float(np.float32(graph)), float(np.float32(acoustic * unscaled)), np.array(ids, np.int32))

        at = path.start
        while path.num_arcs(at):
            arcs = _ArcIteratorLattice(path, at)
            arc = arcs.value
            graph, acoustic = graph + arc.weight.value1, acoustic + arc.weight.value2
            likelihood -= arc.weight.value1 + arc.weight.value2
            if arc.ilabel:
                ids.append(arc.ilabel)
            if arc.olabel:
                following = lattice.add_state()
                lattice.arcs[state].append(Arc(following, arc.olabel, weight()))
                state, graph, acoustic, ids = following, 0.0, 0.0, []
            at = arc.nextstate
        end = path.final(at)
        graph, acoustic = graph + end.value1, acoustic + end.value2
        likelihood -= end.value1 + end.value2
        lattice.finals[state] = weight()
        return lattice, likelihood
