"""Every system of ``conf/systems``: speed and memory of a training step and of detection, from wav to events."""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import torch

from pysed.bench.clips import ASR_DIM, CLIP_S, make_clips
from pysed.bench.training import BATCH, best_step, clock, multiply_rate
from pysed.detect.detector import analyse_file, load_detectors
from pysed.detector.config import SystemConfig, load_config
from pysed.features.frontend import load_frontend
from pysed.features.of_samples import RATE_HZ, AsrFeatures, as_int16_values
from pysed.kaldi.tables import TableWriter
from pysed.networks import build_model
from pysed.networks.network import DetectionNetwork
from pysed.train import engine
from pysed.train.data import make_batch
from pysed.train.joint import JointLayers
from pysed.train.loss import batch_loss
from pysed.train.precision import keep_freed_memory, use_bfloat16

_CONF = Path(__file__).parents[2] / "conf"
_ASR = {"model": str(_CONF.parent / "models/demo"), "layer": "prefinal-l"}
_NUM_VALID = 4
_REPEATS = 5


class Prepared(NamedTuple):
    """A network about to be trained, and a batch for it: features (B, T, F), asr (B, T100, A) or None, labels."""

    config: SystemConfig
    model: DetectionNetwork
    features: torch.Tensor
    asr: torch.Tensor | None
    labels: torch.Tensor
    scenes: torch.Tensor | None

    def loss(self) -> torch.Tensor:
        """Training's loss of the batch."""
        return batch_loss(self.model, self.features, self.asr, self.labels, self.scenes, self.config)[0]


def noise() -> np.ndarray:
    """Samples (T,) in [-1, 1]."""
    return np.random.default_rng(0).normal(0, 0.05, CLIP_S * RATE_HZ)


def prepare(system: str, folder: Path, train: bool = False) -> Prepared:
    """As training sets out; with ``train`` one epoch is trained first and leaves a model in ``folder``."""
    config = dataclasses.replace(load_config(_CONF / f"systems/{system}.yaml"), epochs=1, epoch_steps=1)
    frontend = load_frontend(_CONF / f"frontends/{config.frontend}.yaml")
    clips, valid = make_clips(config, frontend, BATCH, 0), make_clips(config, frontend, _NUM_VALID, 1)
    joint = None
    if config.asr_layers:
        names = [*clips.names, *valid.names]
        write_recogniser_inputs(folder, names)
        joint = JointLayers(config, folder, names, _ASR)
    if train:
        asr = _ASR if config.asr else None
        engine.fit(engine.Task(config, "noise", 1, asr, frontend.as_dict()), clips, valid, folder, joint=joint)
    normalise = engine.statistics_of(clips, config)
    torch.manual_seed(0)
    model: DetectionNetwork = build_model(
        config, frontend.num_mel_bins, ASR_DIM if config.asr else 0, frontend.frames_per_label, len(clips.scene_names)
    )
    if joint:
        model, clips, _ = joint.join(model, clips, valid, normalise["asr"])
    model.bfloat16_maps = use_bfloat16(config.precision, torch.device("cpu"))
    batch = make_batch(clips, np.arange(BATCH), normalise, config, np.random.default_rng(0))
    features, asr_rows, labels = (
        None if part is None else engine.to_device(part, torch.device("cpu")) for part in batch
    )
    assert features is not None and labels is not None
    scenes = None if clips.scenes is None else torch.from_numpy(clips.scenes)
    return Prepared(config, model.train(), features, asr_rows, labels, scenes)


def write_recogniser_inputs(folder: Path, names: list[str]) -> None:
    """``mfcc_hires.scp`` and ``ivectors.scp`` of noise under every name."""
    inputs = AsrFeatures(_ASR["model"], _ASR["layer"]).inputs(as_int16_values(noise()))
    for stream, matrix in zip(("mfcc_hires", "ivectors"), inputs, strict=True):
        with TableWriter(f"ark,scp:{folder}/{stream}.ark,{folder}/{stream}.scp", "matrix") as table:
            for name in names:
                table.write(name, matrix)


def operations(system: str, folder: Path) -> dict[str, float]:
    """Floating-point operations of a clip in a training step, by torch's own counter.

    To be run on plain torch: what is compiled is not counted. As in the benchmark of training, where a convolution is
    followed by the maximum at once (the first of cbrnn, cnn1d_rnn's), of its gradient only what is needed counts.
    """
    from torch.utils.flop_counter import FlopCounterMode

    prepared = prepare(system, folder)
    prepared.model.bfloat16_maps = False
    enabled, *_ = torch.backends.mkldnn.set_flags(_enabled=False)  # oneDNN's LSTM would not be counted
    try:
        with FlopCounterMode(display=False) as counter:
            prepared.loss().backward()
    finally:
        torch.backends.mkldnn.set_flags(_enabled=enabled)
    step = counter.get_total_flops() / BATCH
    step -= prepared.model.superfluous_flops(*prepared.features.shape[1:])
    return {"step": step}


def training(system: str, folder: Path) -> dict[str, float]:
    """Seconds of a training step, and the peak of memory; leaves a trained model in ``folder``."""
    keep_freed_memory()
    prepared = prepare(system, folder, train=True)
    kinds = torch.float32, torch.bfloat16
    before = [multiply_rate(kind) for kind in kinds]
    seconds = best_step(prepared.model, prepared.loss)
    float32, bfloat16 = (max(rate, multiply_rate(kind)) for rate, kind in zip(before, kinds, strict=True))
    return {
        "parameters": sum(parameter.numel() for parameter in prepared.model.parameters()),
        "seconds": seconds, "float32": float32, "bfloat16": bfloat16, "peak_mib": peak_mib(),
    }  # fmt: skip


def detection(system: str, folder: Path) -> dict[str, float]:
    """Seconds for 30 s of audio: of the network alone, features at hand, and from wav to events."""
    detectors = load_detectors([str(folder)])
    network = detectors[0].network
    clips = make_clips(network.config, detectors[0].frontend, BATCH, 0)
    wav = folder / "noise.wav"
    soundfile.write(wav, noise(), RATE_HZ)
    seconds, peak = best(lambda: analyse_file(wav, detectors)), peak_mib()
    alone = best(lambda: network.scores_of_clips(clips.features, clips.asr)) / BATCH
    return {"all": seconds, "peak_mib": peak, "network": alone}


def best(function: Callable[[], Any]) -> float:
    """The least seconds of a few calls, the first not counted."""
    function()
    seconds = []
    for _ in range(_REPEATS):
        start = clock()
        function()
        seconds.append(clock() - start)
    return min(seconds)


def peak_mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(part: Callable[[str, Path], dict], system: str, folder: Path, threads: int, native: str = "1") -> dict:
    """The result of a part in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    environment |= {"PYSED_NATIVE": native, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "pysed.bench.systems", part.__name__, system, str(folder)]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main() -> None:
    """Print the table as Markdown."""
    num_cores = len(os.sched_getaffinity(0))
    heads = [
        "system",
        "parameters",
        "step, ms",
        "clips/s",
        "GFLOP a clip",
        "of the float32 rate",
        "of the bfloat16 rate",
    ]
    heads += ["its memory, MiB", "network, of real time", "wav to events, of real time", f"with {num_cores} threads"]
    heads += ["its memory, MiB"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    for path in sorted((_CONF / "systems").glob("*.yaml")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            flops = measured(operations, path.stem, folder, 1, native="0")["step"]
            step = measured(training, path.stem, folder, 1)
            one, many = (measured(detection, path.stem, folder, threads) for threads in (1, num_cores))
        rate = BATCH * flops / step["seconds"]
        row = [path.stem, f"{step['parameters']:,}", f"{1000 * step['seconds']:.0f}", f"{BATCH / step['seconds']:.1f}"]
        row += [f"{flops / 1e9:.2f}", f"{rate / step['float32']:.0%}", f"{rate / step['bfloat16']:.0%}"]
        row += [f"{step['peak_mib']:.0f}", f"{one['network'] / CLIP_S:.5f}", f"{one['all'] / CLIP_S:.4f}"]
        row += [f"{many['all'] / CLIP_S:.4f}", f"{one['peak_mib']:.0f}"]
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    part = {each.__name__: each for each in (operations, training, detection)}[sys.argv[1]]
    print(json.dumps(part(sys.argv[2], Path(sys.argv[3]))))
