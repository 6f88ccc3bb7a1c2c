"""A network as a torch module whose weights can be trained, and back to Kaldi's components for writing.

Its operations are the evaluator's without folding, so that each weight stays that of one component. Batch
normalisation uses its stored statistics and dropout is left out, as in test mode: it is meant for fine-tuning.
"""

import copy

import numpy as np
import torch
from torch import nn

from pysed.errors import DataError
from pysed.kaldi.nnet3.components import AFFINE
from pysed.kaldi.nnet3.computation import Computation, build_computation
from pysed.kaldi.nnet3.indexes import Frames, context_of
from pysed.kaldi.nnet3.model import Nnet
from pysed.kaldi.nnet3.operations import Op
from pysed.kaldi.nnet3.plan import Plan
from pysed.kaldi.nnet3.steps import BATCH, Step, Values, Weights

# Where a trained component keeps its matrix (out, in), and its bias (out,) if it can have one.
_TRAINED = {
    **dict.fromkeys(AFFINE - {"FixedAffineComponent"}, ("LinearParams", "BiasParams")),
    "TdnnComponent": ("LinearParams", "BiasParams"),
    "LinearComponent": ("Params", ""),
}
_PLANS_KEPT = 16


class NnetModule(nn.Module):
    """``module(feats (B, T, F), ivectors (B, I) or None)`` → (B, T_out, D), T_out = ceil(T / step), for one node.

    Output t is that of input frame t · step; the first and last input frames stand for those beyond them, and an
    utterance is one chunk. ``weights`` and ``biases`` hold the parameters of the affine, linear and TDNN components
    that the node needs, by component name with ``/`` for ``.``: (out, in) and (out,). What other components hold is
    constant; of normalisation, offsets and frames it follows the input's device, all else is for the CPU. Raises
    DataError for a network that the evaluator does not know.
    """

    def __init__(self, nnet: Nnet, output: str = "output", step: int = 1):
        super().__init__()
        self.nnet, self.step = nnet, step
        self.computation = build_computation(nnet, output, fold=False)
        if self.computation.cycles:
            first = self.computation.cycles[0].names[0]
            raise nnet.fail(f"node {first} is recurrent; it can be computed, but not trained here")
        self.left_context, self.right_context = context_of(nnet, self.computation)
        self.weights, self.biases = nn.ParameterDict(), nn.ParameterDict()
        self.trained: dict[str, str] = {}  # node → key of its parameters
        for op in self.computation.ops.values():
            name = nnet.nodes[op.name].component
            if name and nnet.components[name].type in _TRAINED:
                self.trained[op.name] = self._take(name)
        self._constants = Weights(self.computation, without=set(self.trained))
        self._plans: dict[int, Plan] = {}

    def _take(self, name: str) -> str:
        component, key = self.nnet.components[name], name.replace(".", "/")
        matrix, bias = _TRAINED[component.type]
        if key not in self.weights:
            self.weights[key] = _parameter(component[matrix])
            if bias and len(component[bias]):
                self.biases[key] = _parameter(component[bias])
        return key

    def forward(self, feats: torch.Tensor, ivectors: torch.Tensor | None = None) -> torch.Tensor:
        """The node's values (B, T_out, D) for a batch of equally long utterances. Raises DataError for other widths."""
        batch, num_frames = feats.shape[:2]
        if feats.shape[2] != self.nnet.input_dim("input") or num_frames == 0:
            raise DataError(f"features of shape {tuple(feats.shape)}; expected (B, T, {self.nnet.input_dim('input')})")
        if (0 if ivectors is None else ivectors.shape[1]) != self.nnet.input_dim("ivector"):
            raise DataError(f"the network expects i-vectors of width {self.nnet.input_dim('ivector')}")
        plan = self._plan(num_frames)
        values: Values = {BATCH: feats.new_empty(1, batch, 0)}
        if "input" in plan.frames:
            rows = torch.from_numpy(plan.frames["input"]).clamp(0, num_frames - 1)
            values["input"] = feats.transpose(0, 1)[rows]  # (B, T, F) → (T, B, F)
        if ivectors is not None:
            values["ivector"] = ivectors[None]
        return plan.run(values).transpose(0, 1)

    def _plan(self, num_frames: int) -> Plan:
        plan = self._plans.get(num_frames)
        if plan is None:
            outputs = np.arange(0, num_frames, self.step)
            frames = np.arange(-self.left_context, outputs[-1] + self.right_context + 1)
            inputs = {"input": frames, "ivector": np.zeros(1, np.int64)}
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.pop(next(iter(self._plans)))
            plan = self._plans[num_frames] = self.plan(outputs, inputs)
        return plan

    def plan(self, outputs: np.ndarray, inputs: Frames) -> Plan:
        """A plan for given frames that uses the weights as they are at the time."""
        return _TrainedPlan(self, self.computation, self._constants, outputs, inputs)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_plans": {}}  # a copy's plans are not this module's

    def to_nnet(self) -> Nnet:
        """A copy of the network, all its nodes and components included, with the weights as they are now."""
        nnet = copy.deepcopy(self.nnet)
        for component_name, component in nnet.components.items():
            key = component_name.replace(".", "/")
            if component.type in _TRAINED and key in self.weights:
                matrix, bias = _TRAINED[component.type]
                component.fields[matrix] = self.weights[key].detach().numpy().copy()
                if key in self.biases:
                    component.fields[bias] = self.biases[key].detach().numpy().copy()
        return nnet


def _parameter(values: np.ndarray) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(values.astype(np.float32)))


class _TrainedPlan(Plan):
    """A plan whose matrix products use the module's parameters as they are at the time."""

    def __init__(
        self,
        module: NnetModule,
        computation: Computation,
        weights: Weights,
        outputs: np.ndarray,
        inputs: dict[str, np.ndarray],
    ):
        self._module = module
        super().__init__(computation, weights, outputs, inputs)

    def _linear(self, op: Op, ts: np.ndarray) -> Step:
        module, key = self._module, self._module.trained.get(op.name)
        if key is None:
            return super()._linear(op, ts)
        sources = [self.descriptor(d, ts) for d, _ in op.params["blocks"]]
        widths = [w.shape[1] for _, w in op.params["blocks"]]

        def step(values: Values) -> torch.Tensor:
            parts = module.weights[key].split(widths, dim=1)
            total = nn.functional.linear(sources[0](values), parts[0], module.biases.get(key, None))
            for source, part in zip(sources[1:], parts[1:], strict=True):
                total = total + nn.functional.linear(source(values), part)
            return total

        return step
