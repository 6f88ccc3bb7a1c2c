"""Readers of text from outside: lists, tables, YAML, JSON, configuration."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from mutations import changed_value
from reader import Reader

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("a", "b", "c")
DATA = {
    "wav.scp": "".join(f"{name} audio/{name}.wav\n" for name in NAMES),
    "utt2spk": "".join(f"{name} {name}\n" for name in NAMES),
    "spk2utt": "".join(f"{name} {name}\n" for name in NAMES),
    "reco2dur": "".join(f"{name} 3.5\n" for name in NAMES),
    "events.tsv": "a\t0.5\t1.25\tcry\nc\t1.000000\t2.5\tcry\n",
    "utt2scene": "".join(f"{name} park\n" for name in NAMES),
    "utt2split": "a train\nb train\nc valid\n",
    "phones.ctm": "".join(f"{name} 1 0.00 1.20 SIL\n{name} 1 1.20 0.30 EH1_S\n" for name in NAMES),
}
RECIPES = [
    {
        "name": name, "split": "train", "background": {"path": "x.wav", "scene": "park", "recording": "x"},
        "event": {"path": "e.wav", "segment": [0.5, 1.0], "recording": "e", "offset_s": 3.2, "ebr_db": 6.0},
    }
    for name in NAMES
]  # fmt: skip
EVENTS = {
    "cry": [
        {"audio_filename": "e.wav", "segment": [0.1, 1.5], "recording_id": 7},
        {"audio_filename": "f.wav", "segment": [0, 2]},
    ]
}
PLACES = [{"filepath": "audio/x.wav", "classname": "home"}, {"filepath": "audio/y.wav", "classname": "park"}]
SCORE = {
    "event": "cry", "system": "cbrnn", "subset": "devtest", "error_rate": 0.5, "f_measure": 0.75, "precision": 1.0,
    "recall": 0.6, "num_reference": 3, "num_detected": 2, "insertions": 0, "deletions": 1, "num_files": 3,
    "threshold": 0.5, "beta": 0.1, "seed": 1, "sed_eval": "0.2.1",
}  # fmt: skip


def _text(files: dict[str, str]) -> dict[str, bytes]:
    return {name: content.encode() for name, content in files.items()}


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False)


def _changed_yaml(value: Any) -> Callable[[random.Random], bytes]:
    return lambda rng: _yaml(changed_value(rng, value)).encode()


def _changed_json(value: Any) -> Callable[[random.Random], bytes]:
    return lambda rng: json.dumps(changed_value(rng, value)).encode()


def _of_yaml(name: str, path: Path | Any, read: Callable[[Path], Any]) -> Reader:
    value = yaml.safe_load(path.read_text()) if isinstance(path, Path) else path
    content = path.read_bytes() if isinstance(path, Path) else _yaml(value).encode()
    return Reader(
        name, {"x.yaml": content}, lambda folder: read(folder / "x.yaml"), made={"x.yaml": _changed_yaml(value)}
    )


def text_readers() -> list[Reader]:
    """All of them."""
    from pysed.corpus.official import screened_backgrounds
    from pysed.corpus.official_build import read_event_list
    from pysed.corpus.recipes import CorpusSettings
    from pysed.corpus.reviewed import COLUMNS, read_reviewed
    from pysed.corpus.sources import load_sources
    from pysed.datadir.ctm import read_ctm, read_inventory
    from pysed.datadir.directory import load_data_dir
    from pysed.datadir.lists import read_split
    from pysed.detect.tables import read_detections
    from pysed.detector.config import load_config
    from pysed.events import read_events
    from pysed.features.frontend import load_frontend
    from pysed.fetch.chain_model import splice_lines
    from pysed.fetch.manifest import load_manifest
    from pysed.kaldi.features import MfccOptions
    from pysed.kaldi.graph.grammar import read_numbers
    from pysed.kaldi.options import config_values, read_struct
    from pysed.kaldi.phones import named_ctm, read_symbols
    from pysed.phones.heard.regions import load_regions
    from pysed.report.markdown import to_html
    from pysed.score.reference import read_both, read_reference
    from pysed.score.results import write_results
    from pysed.text_files import read_text
    from pysed.train.data import read_onsets, read_scenes

    rows = "filename\tonset\toffset\tevent_label\na.wav\t1.0\t2.5\tcry\nb.wav\nc.wav\t0\t1\tlaugh\n"
    phones = "<eps> 0\nSIL 1\nEH1_S 2\n#0 3\n"
    durations = dict.fromkeys(NAMES, 3.5)
    data = _text(DATA)
    source = {
        "source_data/cv_setup/events_devtrain.yaml": _yaml(EVENTS).encode(),
        "source_data/cv_setup/bgs_devtrain.yaml": _yaml(PLACES).encode(),
    }
    reviewed = "\t".join(COLUMNS) + "\naccepted\ta.wav\t1.1\t2.4\tcry\t1.0\t2.5\t0.9\n"
    reviewed += "rejected\tb.wav\t3\t4\tcry\t3\t4\t\n"
    event = {"onset_s": 1.0, "offset_s": 2.5, "label": "cry", "score": 0.9}
    files = [{"filename": "a.wav", "events": [event]}, {"filename": "b.wav", "events": []}]
    detections = {
        "x.tsv": "filename\tonset\toffset\tevent_label\tscore\na.wav\t1.0\t2.5\tcry\t0.9\nb.wav\t\t\t\t\n",
        "x.csv": 'filename,onset,offset,event_label,score\n"a, b.wav",1.0,2.5,cry,0.9\n',
        "x.json": json.dumps(files),
        "x.jsonl": json.dumps({"filename": "a.wav", **event}) + "\n",
        "x.rttm": "SPEAKER a.wav 1 1.000 1.500 <NA> <NA> cry 0.9 <NA>\n",
    }
    return [
        Reader("labels of a review", _text({"x.tsv": reviewed}), lambda f: read_reviewed([f / "x.tsv"])),
        Reader("detections", _text(detections), read_detections, made={"x.json": _changed_json(files)}),
        Reader("event list", _text({"x.tsv": rows}), lambda f: read_events(f / "x.tsv")),
        Reader("two event lists", _text({"r": rows, "d": rows}), lambda f: read_both(f / "r", f / "d", "cry")),
        Reader("reference of a data directory", data, read_reference, ("wav.scp", "events.tsv")),
        Reader("data directory", data, load_data_dir, tuple(data)[:-1]),
        Reader("split", data, read_split, ("utt2split",)),
        Reader("onsets", data, lambda f: read_onsets(f, "cry"), ("events.tsv",)),
        Reader("scenes", data, lambda f: read_scenes(f, list(NAMES)), ("utt2scene",)),
        Reader("ctm", data, lambda f: read_ctm(f / "phones.ctm", durations), ("phones.ctm",)),
        Reader(
            "regions", data | {"recipes.yaml": _yaml(RECIPES).encode()}, lambda f: load_regions(f, "cry", None),
            ("recipes.yaml", "phones.ctm", "events.tsv"), {"recipes.yaml": _changed_yaml(RECIPES)},
        ),
        Reader(
            "sources", source, lambda f: load_sources(f, "devtrain"),
            made={name: _changed_yaml(value) for name, value in zip(source, (EVENTS, PLACES), strict=True)},
        ),
        _of_yaml("corpus settings", ROOT / "conf/corpora/default.yaml", CorpusSettings.load),
        _of_yaml("system", ROOT / "conf/systems/gradual.yaml", load_config),
        _of_yaml("front end", ROOT / "conf/frontends/logmel40.yaml", load_frontend),
        _of_yaml("downloads", ROOT / "conf/downloads/tut2017.yaml", load_manifest),
        Reader("symbols", _text({"phones.txt": phones}), lambda f: read_inventory(f / "phones.txt")),
        Reader(
            "integer ctm", _text({"x.ctm": "a 1 0.00 0.30 1\na 1 0.30 0.10 2\n", "phones.txt": phones}),
            lambda f: list(named_ctm(str(f / "x.ctm"), read_symbols(str(f / "phones.txt")))),
        ),
        Reader("numbers", _text({"x.int": "1\n20\n300\n"}), lambda f: read_numbers(f / "x.int")),
        Reader(
            "official event list", _text({"x.csv": "a.wav\t1.5\t2.5\tcry\nb.wav\n"}),
            lambda f: read_event_list(f / "x.csv", "cry"),
        ),
        Reader(
            "screening",
            _text({"source_data/bgs/bg_screening.csv": 'file,babycry,glassbreak,gunshot\naudio/x.wav,,"1, 2",nan\n'}),
            screened_backgrounds,
        ),
        Reader(
            "results", {
                "cry/cbrnn/score_devtest.json": json.dumps(SCORE).encode(),
                "cry/cbrnn/cost_devtest.json": b'{"parameters": 1000, "audio_s": 9.0, "times_real_time": 9.0}',
                "cry/cbrnn/counts_devtest.tsv": b"filename\thits\tinsertions\tdeletions\na.wav\t1\t0\t0\n",
                "cry/cbrnn/config.yaml": b"system: cbrnn\ncommand: pysed train\n",
                "cry/cbrnn/metrics.csv": b"epoch,average_f,seconds\n1,0.5,12.5\n2,,13\n",
            },
            write_results, made={"cry/cbrnn/score_devtest.json": _changed_json(SCORE)},
        ),
        Reader(
            "Kaldi's options", {"x.conf": (ROOT / "models/demo/conf/mfcc_hires.conf").read_bytes()},
            lambda f: (config_values(f / "x.conf"), read_struct(MfccOptions(), f / "x.conf")),
        ),
        Reader(
            "splice options", _text({"x": "--left-context=3 --right-context=3\n"}),
            lambda f: splice_lines(read_text(f / "x")), places=("splice_opts",),
        ),
        Reader(
            "Markdown",
            _text({"x.md": "# A\n\ntext *b* `c`\n\n| a | b |\n|---|---|\n| x | 1 |\n\n```\nx\n```\n\n- a\n- b\n"}),
            lambda f: to_html(read_text(f / "x.md")),
        ),
    ]  # fmt: skip
