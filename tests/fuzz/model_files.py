"""Readers of a recogniser's files: network, tree, graph, extractor, configuration, lattices, tables."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from reader import Reader, files_of

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests/kaldi"), str(ROOT / "tests/kaldi/nnet3")]
TREE = b"ContextDependency 1 0 ToPdf TE 0 3 ( NULL SE -1 [ 0 ]\n{ CE 0 CE 1 } CE 2 )\nEndContextDependency "


def _arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {name: rng.standard_normal((6, 4)).astype(np.float32) for name in ("u1", "u2")}


def _tables(folder: Path) -> list[Reader]:
    """Archives and scripts of every kind."""
    from pysed.datadir.archives import Archive
    from pysed.kaldi.compress import compressed_kind
    from pysed.kaldi.tables import RandomAccess, TableWriter, sequential

    values = {
        "matrix": _arrays(),
        "vector": {name: rows[0] for name, rows in _arrays().items()},
        "int_vector": {"u1": np.array([1, 2, 3]), "u2": np.array([], int)},
        "tokens": {"u1": ["x", "y"], "u2": ["z"]},
        "float": {"u1": 0.5, "u2": 3.0},
    }
    readers = []
    for kind, entries in values.items():
        for form in ("", ",t"):
            with TableWriter(f"ark{form},scp:{folder}/x.ark,{folder}/x.scp", kind) as table:
                for name, value in entries.items():
                    table.write(name, value)
            files = files_of(folder, "x.ark")
            readers.append(
                Reader(f"table of {kind}{form}", files, lambda f, kind=kind: list(sequential(f"ark:{f}/x.ark", kind)))
            )

    def by_script(place: Path) -> list:
        if b"|" in (place / "x.scp").read_bytes():  # a command, which would be run, as Kaldi does
            return []
        with RandomAccess(f"scp:{place}/x.scp", "matrix") as table:
            return [table[name] for name in ("u1", "u2")]

    (folder / "m.ark").write_bytes(readers[0].files["x.ark"])

    def through_archive(place: Path) -> list:
        (place / "x.scp").write_text("".join(f"{name} {place}/x.ark:{at}\n" for name, at in (("u1", 3), ("u2", 117))))
        return list(Archive(place / "x.scp").items())

    script = "".join(f"{name} {folder}/m.ark:{offset}\n" for name, offset in (("u1", 3), ("u2", 117))).encode()
    readers.append(Reader("script", {"x.scp": script}, by_script, places=("u1: ", "u2: ")))
    readers.append(
        Reader("script of a data directory", {"x.scp": script}, lambda f: list(Archive(f / "x.scp").items()))
    )
    readers.append(Reader("data directory's archive", readers[0].files, through_archive, ("x.ark",)))
    for method in (1, 3, 5):
        with TableWriter(f"ark:{folder}/x.ark", compressed_kind(method)) as table:
            for name, rows in _arrays().items():
                table.write(name, rows)
        files = files_of(folder, "x.ark")
        readers.append(Reader(f"compressed {method}", files, lambda f: list(sequential(f"ark:{f}/x.ark", "matrix"))))
    return readers


def _networks() -> list[Reader]:
    from nnet3_cases import acoustic_model
    from recurrent_cases import NETWORKS

    from pysed.kaldi.nnet3.evaluate import NnetComputer
    from pysed.kaldi.nnet3.info import nnet_info
    from pysed.kaldi.nnet3.reader import read_model
    from pysed.kaldi.nnet3.writer import write_model
    from pysed.kaldi.stream import KaldiWriter
    from pysed.kaldi.tables import read_object
    from pysed.kaldi.transitions import read_transition_model

    def as_bytes(model: Any, binary: bool) -> bytes:
        writer = KaldiWriter(binary)
        write_model(model, writer)
        return bytes(writer)

    def read(place: Path) -> None:
        path = str(place / "final.mdl")
        read_transition_model(path)
        model = read_model(read_object(path))
        nnet_info(model.nnet)
        ivectors = np.ones((1, 3), np.float32) if model.nnet.input_dim("ivector") else None
        NnetComputer(model.nnet).compute(np.ones((9, 4), np.float32), ivectors)

    models = {"network": acoustic_model()} | {name: acoustic_model(make()) for name, make in NETWORKS.items()}
    return [
        Reader(f"{name}{'' if binary else ' as text'}", {"final.mdl": as_bytes(model, binary)}, read)
        for name, model in models.items()
        for binary in (True, False)
    ]


def _graphs(folder: Path) -> list[Reader]:
    import kaldifst
    from toy_models import random_graph

    from pysed.kaldi.graph.tree import read_tree
    from pysed.kaldi.openfst import load_graph

    graph = random_graph(np.random.default_rng(3), 12, 6)
    graph.write(str(folder / "vector.fst"))
    kaldifst.StdConstFst(graph).write(str(folder / "const.fst"))
    return [
        Reader(kind, files_of(folder, kind), lambda f, kind=kind: load_graph(str(f / kind), 6))
        for kind in ("vector.fst", "const.fst")
    ] + [Reader("tree", {"tree": TREE}, lambda f: read_tree(f / "tree").pdf((1,), 0))]


def _folder(folder: Path) -> list[Reader]:
    """A recogniser's folder as detection reads it, and as a Vosk model."""
    from pysed.kaldi.model_folder import read_model_folder
    from pysed.kaldi.random_extractor import random_features, write_random_extractor

    sizes = {"num_gauss": 3, "ivector_dim": 3, "feature_dim": 4, "lda_dim": 2, "context": 1, "seed": 3}
    readers = []
    for binary in (True, False):
        here = folder / f"model{binary}"
        write_random_extractor(here / "extractor", binary=binary, **sizes)
        (here / "extractor/ivector_extractor.conf").unlink()
        (here / "conf").mkdir()
        (here / "conf/mfcc_hires.conf").write_text("--num-mel-bins=8 # of 4\n--num-ceps=4\n--use-energy=false\n")
        (here / "conf/ivector.conf").write_text("--num-gselect=2\n--min-post=0.025\n--posterior-scale=0.1\n")
        (here / "cmvn_opts").write_text("--norm-means=true --norm-vars=false\n")
        (here / "frame_subsampling_factor").write_text("3\n")
        (here / "final.mdl").write_bytes(b"not read here")
        (here / "online_cmvn").write_bytes(b"")
        (here / "global_cmvn.stats").write_bytes((here / "extractor/global_cmvn.stats").read_bytes())
        files = files_of(here)
        features = random_features(np.random.default_rng(2), 24, 4)

        def read(place: Path, features=features) -> None:
            model = read_model_folder(place)
            extractor = model.extractor()
            assert extractor is not None
            assert np.isfinite(extractor.extract(model.normalise(features))).all()

        changed = tuple(name for name in files if name not in ("final.mdl", "online_cmvn"))
        readers.append(
            Reader(f"recogniser's folder{'' if binary else ' as text'}", files, read, changed, places=("features",))
        )
    return readers


def _lattices() -> list[Reader]:
    from pysed.kaldi.lattice import best_path
    from pysed.kaldi.lattice_tables import COMPACT, PLAIN, lattices
    from pysed.kaldi.tables import TableWriter

    text = "u1 \n0\t1\t5\t1.5,2.5,1_2_3\n0\t2\t6\t0.5,4,4\n1\t2\t7\t1,1,5_5\n2\t0.25,0,\n\n"

    def read(place: Path) -> None:
        for _, lattice in lattices(f"ark:{place}/x.lat"):
            best_path(lattice)

    readers = [Reader("lattice as text", {"x.lat": text.encode()}, read, places=("lattice",))]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "t").write_text(text)
        ((key, lattice),) = lattices(f"ark,t:{folder}/t")
        for name, kind in (("compact lattice", COMPACT), ("lattice", PLAIN)):
            with TableWriter(f"ark:{folder}/x.lat", kind) as table:
                table.write(key, lattice)
            readers.append(Reader(name, files_of(Path(folder), "x.lat"), read, places=("lattice",)))
    return readers


def model_readers(folder: Path) -> list[Reader]:
    """All of them; ``folder`` takes what they need."""
    made = folder / "made"
    made.mkdir(parents=True, exist_ok=True)
    return [*_tables(made), *_networks(), *_graphs(made), *_folder(made), *_lattices()]
