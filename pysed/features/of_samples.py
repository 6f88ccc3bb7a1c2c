"""From samples to what a detector takes in: front end features, and a recogniser's features of the same sound.

The same steps as the recipe's stages 2 and 3, without files in between. Each call is an utterance of its own: nothing
is carried from one to the next (no adaptation across files, as in training).
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pysed.datadir.archives import Archive
from pysed.errors import DataError
from pysed.features.averaging import average_frames
from pysed.features.frontend import FrontEnd
from pysed.kaldi.features import FbankOptions, compute_fbank, compute_mfcc

if TYPE_CHECKING:
    from torch import Tensor

    from pysed.kaldi.nnet3.model import Nnet

RATE_HZ = 16000
RECOGNISER = "recogniser"  # in an exported model's folder
FRAMES_PER_CHUNK = 150
SUBSAMPLING = 3


def as_int16_values(samples: np.ndarray) -> np.ndarray:
    """Samples (T,) in [-1, 1] rounded to the values of 16-bit integers: float32, what Kaldi reads from a wav."""
    values = np.asarray(samples)
    values = np.multiply(values, 32768, dtype=values.dtype if values.dtype == np.float32 else np.float64)  # both exact
    return np.clip(np.rint(values, out=values), -32768, 32767, out=values).astype(np.float32, copy=False)


def sed_features(samples: np.ndarray, frontend: FrontEnd) -> np.ndarray:
    """Unnormalised features (T, F) float32 of 16-bit valued samples at the front end's rate (as_int16_values)."""
    options = FbankOptions(
        sample_frequency=frontend.sample_frequency_hz,
        num_mel_bins=frontend.num_mel_bins,
        frame_length=frontend.frame_length_ms,
        frame_shift=frontend.frame_shift_ms,
        low_freq=frontend.low_freq_hz,
        high_freq=frontend.high_freq_hz,
        window_type=frontend.window_type,
        preemphasis_coefficient=frontend.preemphasis,
        remove_dc_offset=frontend.remove_dc_offset,
        snip_edges=frontend.snip_edges,
        dither=frontend.dither,
    )
    return average_frames(compute_fbank(samples, round(frontend.sample_frequency_hz), options), frontend.average_frames)


def find_asr_model(name: str | None, model_dir: str | os.PathLike) -> Path:
    """The recogniser's folder that a checkpoint names: from here, the repository, above the detector, or this package.

    An exported detector brings its own. Raises DataError if it is in none of these places.
    """
    if not name:
        raise DataError(f"{model_dir}: its checkpoint does not say which recogniser it needs; train it with --asr")
    folder = Path(model_dir) if Path(model_dir).is_dir() else Path(model_dir).parent
    if name == RECOGNISER and (folder / name / "final.mdl").is_file():
        return folder / name
    repository, package = Path(__file__).parents[2], Path(__file__).parents[1]
    places = [Path.cwd(), repository, *Path(model_dir).resolve().parents, package]
    for place in places:
        if (place / name / "final.mdl").is_file():
            return place / name
    raise DataError(f"{model_dir}: its recogniser {name} is not here; run from the folder that holds it")


class AsrFeatures:
    """The output of one layer of a Kaldi chain model: hires MFCC, online i-vectors, network.

    ``tuned`` are weights of its layers that stand for the model's own, as a system with asr_layers leaves them.
    Raises DataError for a model that lacks a file or the layer, or to which the tuned weights do not belong.
    """

    def __init__(self, folder: str | os.PathLike, layer: str, tuned: "dict[str, Tensor] | None" = None):
        from pysed.kaldi.model_folder import read_model_folder
        from pysed.kaldi.nnet3.chunks import ChunkOptions
        from pysed.kaldi.nnet3.evaluate import NnetComputer
        from pysed.kaldi.nnet3.reader import read_model
        from pysed.kaldi.tables import read_object
        from pysed.kaldi.whole_model import check_widths

        self.settings = read_model_folder(folder)
        network = Path(folder) / "final.mdl"
        nnet = read_model(read_object(str(network))).nnet
        if layer not in nnet.nodes:
            raise DataError(f"{network}: no node {layer!r}; expected the layer used in training")
        if tuned:
            nnet = _with_weights(nnet, layer, tuned)
        self.extractor = self.settings.extractor()
        period = 1 if self.extractor is None else self.extractor.options.ivector_period
        options = ChunkOptions(
            frames_per_chunk=FRAMES_PER_CHUNK, frame_subsampling_factor=SUBSAMPLING, online_ivector_period=period
        )
        self.network = NnetComputer(nnet, layer, options)
        check_widths(self.settings, nnet, self.extractor)

    def check_settings(self, noted: str | None, detector: str) -> None:
        """Hold the folder's configuration against what a checkpoint noted of it in training; older ones note nothing.

        Raises DataError where it is another, as then the features would be others.
        """
        path = self.settings.path
        if noted is not None and noted != self.settings.fingerprint():
            raise DataError(
                f"{detector}: trained on other features than {path} makes now: its configuration (conf/, extractor/, "
                "cmvn_opts) has changed; restore it, or train anew"
            )
        if noted is None and self.settings.cmvn is not None:
            print(f"{detector}: perhaps trained before CMVN of {path} was applied; then train it anew", file=sys.stderr)

    def inputs(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The network's inputs of 16-bit valued samples at 16 kHz: hires MFCC (T, F), i-vectors (P, I) or None.

        The MFCC are normalised where those of the network's training were; i-vectors are of those as they are.
        """
        return self.inputs_of_mfcc(self.mfcc(samples))

    def mfcc(self, samples: np.ndarray) -> np.ndarray:
        """Hires MFCC (T, F), not normalised, of 16-bit valued samples at 16 kHz."""
        feats = compute_mfcc(samples, RATE_HZ, self.settings.mfcc)
        return feats if len(feats) else np.zeros((0, self.settings.mfcc.num_ceps), np.float32)

    def inputs_of_mfcc(self, feats: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """inputs() of an utterance's MFCC (T, F) as mfcc() gives them."""
        ivectors = None if self.extractor is None else self.extractor.extract(feats)
        return self.settings.normalise(feats), ivectors

    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Rows (ceil(frames / 3), D) float32, one every 30 ms, of 16-bit valued samples at 16 kHz."""
        return self.network.compute(*self.inputs(samples))


class RecogniserInputs:
    """What a data directory holds for the network of a recogniser, by utterance: (features (T, F), i-vectors or None).

    Raises DataError where an archive is missing; close() when done.
    """

    def __init__(self, data: Path, recogniser: AsrFeatures):
        names = ["mfcc_hires.scp"] + ["ivectors.scp"] * (recogniser.extractor is not None)
        self.settings = recogniser.settings
        self.tables = [Archive(data / name) for name in names]

    def __contains__(self, utterance: str) -> bool:
        return all(utterance in table for table in self.tables)

    def __getitem__(self, utterance: str) -> tuple[np.ndarray, np.ndarray | None]:
        feats, *ivectors = (table[utterance] for table in self.tables)
        return self.settings.normalise(feats), ivectors[0] if ivectors else None

    def close(self) -> None:
        """Close the archives."""
        for table in self.tables:
            table.close()


class TunedRows(RecogniserInputs):
    """In place of ``prefinal.scp``: the rows (N, A) of a recogniser with weights of its own."""

    def __init__(self, data: Path, recogniser: AsrFeatures):
        super().__init__(data, recogniser)
        self.network = recogniser.network

    def __getitem__(self, utterance: str) -> np.ndarray:  # type: ignore[override]
        return self.network.compute(*super().__getitem__(utterance))


def _with_weights(nnet: "Nnet", layer: str, tuned: "dict[str, Tensor]") -> "Nnet":
    from pysed.kaldi.nnet3.module import NnetModule

    module = NnetModule(nnet, layer)
    own = module.state_dict()
    for name, values in tuned.items():
        if name not in own or own[name].shape != values.shape:
            raise nnet.fail(f"no weights {name} of shape {tuple(values.shape)}; expected the model used in training")
    module.load_state_dict({**own, **tuned})
    return module.to_nnet()
