"""A corpus of hand-written alignments."""

from pathlib import Path

from pysed.datadir.directory import Utterance, write_data_dir

PHONES = "<eps> 0\nSIL 1\nSPN_S 2\nEH1_S 3\nEH1_B 4\nEH0_E 5\nM_E 6\nT_B 7\n#0 8\n"


def write_set(folder: Path, recordings: dict) -> Path:
    """recordings: name → (duration, [(onset, offset, label)], [(start, duration, phone)])."""
    utterances = [Utterance(name, "x.wav", d, tuple(events), "park") for name, (d, events, _) in recordings.items()]
    folder.mkdir(parents=True, exist_ok=True)
    write_data_dir(folder, utterances)
    rows = [
        f"{name} 1 {start:.2f} {duration:.2f} {phone}\n"
        for name, (_, _, spans) in recordings.items()
        for start, duration, phone in spans
    ]
    (folder / "phones.ctm").write_text("".join(rows))
    return folder


def write_corpus(tmp_path: Path) -> Path:
    """Two classes, two bare events and four mixtures each, in tmp_path/data; returns tmp_path."""
    data = tmp_path / "data"
    for event, phone in (("cry", "EH1_S"), ("knock", "SPN_S")):
        bare = {
            f"bare_{i}": (1.0 + i, [(0, 1.0 + i, event)], [(0, 0.3, "SIL"), (0.3, 0.6, phone), (0.9, 0.1, "T_B")])
            for i in range(2)
        }
        mixtures = {
            f"mix_{i}": (
                10.0,
                [(2.0, 4.0, event)] if i < 2 else [],
                [(0, 1.5, "SIL"), (1.5, 1.0, "M_E"), (2.5, 0.9 + i / 10, phone), (5, 5, "SIL")],
            )
            for i in range(4)
        }
        write_set(data / event / "isolated_devtrain", bare)
        write_set(data / event / "devtrain", mixtures)
    (tmp_path / "phones.txt").write_text(PHONES)
    return tmp_path
