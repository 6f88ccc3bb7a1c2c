"""Silence that a recogniser calls sil counted as speech, and of Mandarin's tones two were taken off, two were not."""

import pytest
from phone_corpus import write_corpus

from pysed.phones.heard.analysis import analyse
from pysed.phones.names import class_of, in_form, is_speech


def measures(folder):
    return analyse(folder / "data", ["cry", "knock"], folder / "phones.txt", samples=10).measures


def test_it_is_silence_by_either_name(tmp_path):
    corpus = write_corpus(tmp_path)
    expected = {
        name: each.value for name, each in measures(corpus)["cry", "isolated"].items() if name.endswith("share")
    }
    assert expected["sil_share"] == pytest.approx(0.3) and expected["speech_share"] == pytest.approx(0.7)
    for path in [tmp_path / "phones.txt", *(tmp_path / "data").rglob("phones.ctm")]:
        path.write_text(path.read_text().replace("SIL", "sil").replace("SPN", "spn"))
    found = measures(corpus)["cry", "isolated"]
    assert {name: found[name].value for name in expected} == pytest.approx(expected)


def test_a_recogniser_without_known_silence_is_told_of(tmp_path, capsys):
    corpus = write_corpus(tmp_path)
    for path in [tmp_path / "phones.txt", *(tmp_path / "data").rglob("phones.ctm")]:
        path.write_text(path.read_text().replace("SIL", "PAU").replace("SPN_S", "XX_S"))
    measures(corpus)
    (line,) = capsys.readouterr().err.splitlines()
    assert "phones.txt: none of SIL, SPN, NSN among the phones" in line


def test_names():
    assert [is_speech(name) for name in ("sil", "spn_S", "nsn", "SIL_B", "s", "sh")] == [False] * 4 + [True] * 2
    assert class_of("sil_S") == class_of("SIL")
    assert [in_form(f"a{tone}_E", "phone") for tone in range(1, 6)] == ["a"] * 5
    assert [in_form(name, "phone") for name in ("EH1_S", "P-3_B", "9", "a1")] == ["EH", "P-3", "9", "a"]
