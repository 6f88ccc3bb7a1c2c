"""A recogniser's folder cut down to what its features need: the layers below one node, extractor, configuration."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from pysed.errors import DataError
from pysed.kaldi.cmvn import OnlineCmvnOptions
from pysed.kaldi.model_folder import BINARIES, ModelFolder, read_model_folder
from pysed.kaldi.nnet3.cut import cut_to
from pysed.kaldi.nnet3.reader import read_model
from pysed.kaldi.nnet3.writer import write_model
from pysed.kaldi.options import option_lines
from pysed.kaldi.stream import KaldiWriter
from pysed.kaldi.tables import read_object


def write_cut_model(folder: ModelFolder, layer: str, out: Path) -> None:
    """Write the recogniser of ``folder`` to the new folder ``out``, so that the values of ``layer`` are the same.

    ``out`` is a recogniser's folder, as read_model_folder() takes it, without tree, graph and words. Configuration is
    written anew from what was understood; nothing that the folder's files name elsewhere is followed. Raises DataError
    for an unknown layer.
    """
    for part in ("", "conf", "extractor") if folder.ivectors else ("", "conf"):
        (out / part).mkdir(parents=True)
    writer = KaldiWriter(True)
    write_model(cut_to(read_model(read_object(str(folder.path / "final.mdl"))), layer), writer)
    (out / "final.mdl").write_bytes(bytes(writer))
    for name, lines in _texts(folder).items():
        (out / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if folder.ivectors:
        for name in BINARIES.values():
            shutil.copyfile(folder.path / "extractor" / name, out / "extractor" / name)
    if folder.global_stats is not None:
        shutil.copyfile(folder.path / "global_cmvn.stats", out / "global_cmvn.stats")
    if read_model_folder(out).fingerprint() != folder.fingerprint():
        raise DataError(f"{folder.path}: its configuration could not be written so that it says the same")


def _texts(folder: ModelFolder) -> dict[str, list[str]]:
    """The text files, by place: lines."""
    texts = {
        "conf/mfcc_hires.conf": option_lines(folder.mfcc),
        "frame_subsampling_factor": [str(folder.frame_subsampling_factor)],
    }
    if folder.ivectors is not None:
        nowhere: dict[str, Any] = dict.fromkeys((*BINARIES, "cmvn_config", "splice_config"), "")
        lines = option_lines(replace(folder.ivectors.options, **nowhere))
        texts["conf/ivector.conf"] = [line for line in lines if not line.endswith("=")]
        texts["extractor/online_cmvn.conf"] = option_lines(folder.ivectors.cmvn)
        texts["extractor/splice.conf"] = option_lines(folder.ivectors.splicing)
    if folder.cmvn is not None:
        texts["cmvn_opts"] = [" ".join(option_lines(folder.cmvn))]
        if isinstance(folder.cmvn, OnlineCmvnOptions):
            texts["online_cmvn"] = []
    return texts
