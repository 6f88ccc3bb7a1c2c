"""Computing an nnet3 network with torch: chunks of frames as Kaldi's nnet3-compute does, only the frames needed.

Source: Kaldi ``src/nnet3/nnet-am-decodable-simple.cc`` for chunks, context and i-vectors.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pysed.errors import DataError
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.computation import build_computation
from pysed.kaldi.nnet3.indexes import context_of
from pysed.kaldi.nnet3.model import Nnet
from pysed.kaldi.nnet3.plan import Plan
from pysed.kaldi.nnet3.steps import BATCH, Weights

_ROWS_AT_ONCE = 512
_VALUES_AT_ONCE = 1 << 25
_PLANS_KEPT = 16


@dataclass(frozen=True)
class _Chunk:
    num_outputs: int
    left: int  # frames of input before the first output frame
    right: int


class NnetComputer:
    """One network, ready to compute one of its nodes.

    ``computer.compute(feats (T, F), ivectors (P, I) or (I,) or None)`` → (ceil(T / subsampling), D) float32.
    Raises DataError for a network it cannot compute and for features that do not fit it.
    """

    def __init__(self, nnet: Nnet, output: str = "output", options: ChunkOptions | None = None):
        self.nnet = nnet
        self.options = ChunkOptions() if options is None else options
        self.options.check()
        self.computation = build_computation(nnet, output)
        inputs = {op.name for op in self.computation.ops.values() if op.kind == "input"}
        if not inputs <= {"input", "ivector"}:
            raise nnet.fail(f"inputs {', '.join(sorted(inputs))}; expected input and perhaps ivector")
        self.left_context, self.right_context = context_of(nnet, self.computation)
        self.output_dim = self.computation.ops[output].dim
        self.input_dim, self.ivector_dim = nnet.input_dim("input"), nnet.input_dim("ivector")
        factor = math.lcm(self.options.frame_subsampling_factor, self.computation.modulus)
        self.frames_per_chunk = factor * -(-self.options.frames_per_chunk // factor)
        self._weights = Weights(self.computation)
        self._plans: dict[_Chunk, Plan] = {}

    def compute(self, feats: np.ndarray, ivectors: np.ndarray | None = None) -> np.ndarray:
        """The node's values, (T_out, D) float32, T_out = ceil(T / frame_subsampling_factor)."""
        result = np.empty((self.num_outputs(len(feats)), self.output_dim), np.float32)
        end = 0
        for block in self.blocks(feats, ivectors):
            start, end = end, end + len(block)
            result[start:end] = block
        return result

    def num_outputs(self, num_frames: int) -> int:
        """Rows of output for so many frames."""
        return -(-num_frames // self.options.frame_subsampling_factor)

    def blocks(
        self, feats: np.ndarray, ivectors: np.ndarray | None = None, rows: tuple[int, int] | None = None
    ) -> Iterator[np.ndarray]:
        """The same values, consecutive rows (N, D) at a time: what an hour needs beyond its features is small.

        ``rows``: the first, which is a chunk's first, and the end of those wanted; None for all.
        """
        feats, ivectors = self._check(feats, ivectors)
        source = torch.from_numpy(feats)
        first, end = (0, self.num_outputs(len(feats))) if rows is None else rows
        for shape, firsts in self._batches(end, first):
            with torch.inference_mode():
                values = self._run(shape, firsts, source, ivectors)
                # (frames, chunks, D) → (chunks · frames, D)
                block = values.transpose(0, 1).reshape(-1, self.output_dim)
            yield block.numpy()

    def num_products(self, num_frames: int) -> int:
        """Multiplications in the matrix products of an utterance of that many frames, for benchmarks."""
        counts: dict[_Chunk, int] = {}
        for shape, firsts in self._batches(self.num_outputs(num_frames)):
            counts[shape] = counts.get(shape, 0) + len(firsts)
        return sum(count * self._plan(shape).num_products() for shape, count in counts.items())

    def _check(self, feats: np.ndarray, ivectors: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        feats = np.require(feats, np.float32, ["C", "W"])
        if feats.ndim != 2 or feats.shape[1] != self.input_dim:
            raise DataError(f"features of shape {feats.shape}; the network expects (frames, {self.input_dim})")
        if len(feats) == 0:
            raise DataError("features without a frame; expected at least one")
        width = 0 if ivectors is None else np.shape(ivectors)[-1]
        if width != self.ivector_dim:
            raise DataError(f"i-vectors of width {width}; the network expects {self.ivector_dim}")
        if ivectors is None:
            return feats, None
        ivectors = np.ascontiguousarray(ivectors, np.float32)
        if ivectors.ndim not in (1, 2) or len(ivectors) == 0:
            raise DataError(f"i-vectors of shape {ivectors.shape}; expected (rows, {self.ivector_dim})")
        return feats, ivectors

    def whole_chunk(self) -> Plan:
        """The plan of a whole chunk without extra context."""
        per_chunk = self.frames_per_chunk // self.options.frame_subsampling_factor
        return self._plan(_Chunk(per_chunk, self.left_context, self.right_context))

    def _batches(self, num_outputs: int, start: int = 0) -> Iterator[tuple[_Chunk, list[int]]]:
        """Chunks of one shape together, few enough for their frames to stay in the caches."""
        per_chunk = self.frames_per_chunk // self.options.frame_subsampling_factor
        widest = max(op.dim for op in self.computation.ops.values())
        most = max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // widest) // (per_chunk + 8))
        o = self.options
        shape, firsts = _Chunk(0, 0, 0), list[int]()
        for first in range(start, num_outputs, per_chunk):
            count = min(per_chunk, num_outputs - first)
            left, right = o.extra_left_context, o.extra_right_context
            if first == 0 and o.extra_left_context_initial >= 0:
                left = o.extra_left_context_initial
            if first + count == num_outputs and o.extra_right_context_final >= 0:
                right = o.extra_right_context_final
            found = _Chunk(count, left + self.left_context, right + self.right_context)
            if firsts and (found != shape or len(firsts) >= most):
                yield shape, firsts
                firsts = []
            shape = found
            firsts.append(first)
        if firsts:
            yield shape, firsts

    def _plan(self, shape: _Chunk) -> Plan:
        plan = self._plans.get(shape)
        if plan is None:
            step = self.options.frame_subsampling_factor
            outputs = np.arange(shape.num_outputs) * step
            inputs = {"input": np.arange(-shape.left, outputs[-1] + shape.right + 1), "ivector": np.zeros(1, np.int64)}
            plan = Plan(self.computation, self._weights, outputs, inputs)
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.pop(next(iter(self._plans)))
            self._plans[shape] = plan
        return plan

    def _run(self, shape: _Chunk, firsts: list[int], feats: torch.Tensor, ivectors: np.ndarray | None) -> torch.Tensor:
        """Values (num_outputs, len(firsts), D) of equally shaped chunks."""
        plan, step = self._plan(shape), self.options.frame_subsampling_factor
        starts = torch.tensor([first * step for first in firsts])
        values = {BATCH: torch.empty(1, len(firsts), 0)}
        if "input" in plan.frames:
            rows = torch.from_numpy(plan.frames["input"])[:, None] + starts
            rows.clamp_(0, len(feats) - 1)
            values["input"] = feats[rows]
        if ivectors is not None and "ivector" in plan.frames:
            span = (shape.num_outputs - 1) * step
            chosen = [self._ivector(ivectors, first * step, span) for first in firsts]
            values["ivector"] = torch.from_numpy(np.stack(chosen))[None]
        return plan.run(values)

    def _ivector(self, ivectors: np.ndarray, first: int, span: int) -> np.ndarray:
        """The row nearest before the middle of the chunk, as Kaldi chooses it."""
        if ivectors.ndim == 1:
            return ivectors
        period = self.options.online_ivector_period
        row = (first + span // 2) // period
        last = len(ivectors) - 1
        if (row - last) * period > 50:
            raise DataError(
                f"i-vectors end at row {last}, frame {first + span // 2} needs row {row}; "
                f"is --online-ivector-period={period} right?"
            )
        return ivectors[min(row, last)]
