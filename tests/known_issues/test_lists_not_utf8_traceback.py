"""Lists that are not UTF-8, a ctm with a bad number, a manifest without files and odd YAML ended in tracebacks."""

import pytest

from pysed.corpus.recipes import CorpusSettings
from pysed.datadir.ctm import read_ctm
from pysed.datadir.directory import load_data_dir
from pysed.datadir.lists import read_split
from pysed.detector.config import load_config
from pysed.errors import DataError
from pysed.fetch.manifest import load_manifest
from pysed.text_files import read_csv, read_json, read_lines, read_yaml

DATA = {
    "wav.scp": "a a.wav\n", "utt2spk": "a a\n", "spk2utt": "a a\n", "reco2dur": "a 3\n", "events.tsv": "a\t1\t2\tcry\n",
    "utt2scene": "a park\n", "utt2split": "a train\n", "phones.ctm": "a 1 0.0 0.5 SIL\n",
}  # fmt: skip


def refusal(read, *arguments) -> str:
    with pytest.raises(DataError) as error:
        read(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", DATA)
def test_a_list_in_another_encoding_is_named_with_its_line(name, tmp_path):
    for each, content in DATA.items():
        (tmp_path / each).write_text(content)
    (tmp_path / name).write_bytes(DATA[name].encode() + "à\n".encode("latin-1"))
    read = {"utt2split": read_split, "phones.ctm": lambda f: read_ctm(f / "phones.ctm", {"a": 3.0})}.get(
        name, load_data_dir
    )
    assert f"{tmp_path}/{name}:2: byte 0xe0 is not UTF-8" in refusal(read, tmp_path)


@pytest.mark.parametrize("read", [CorpusSettings.load, load_manifest, load_config])
def test_yaml_in_another_encoding(read, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes("title: x\n# à\n".encode("latin-1"))
    assert f"{path}:2: byte 0xe0" in refusal(read, path)


def test_numbers_of_a_ctm(tmp_path):
    path = tmp_path / "phones.ctm"
    for words in ("x 0.5", "0.1 nan", "0.1 -1", "1e999 1", "0.1 0"):
        path.write_text(f"a 1 {words} SIL\n")
        assert f"{path}:1: start" in refusal(read_ctm, path, {"a": 3.0})


def test_a_manifest_without_files(tmp_path):
    path = tmp_path / "x.yaml"
    for files in ("", " []", " 3", " {a: 1}"):
        path.write_text(f"records:\n- url: http://x\n  prefix: a\n  files:{files}\n")
        assert "files: expected a list that is not empty" in refusal(load_manifest, path)
    path.write_text("records:\n")
    assert "records" in refusal(load_manifest, path)


def bomb(levels: int) -> str:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    return "\n".join(lines + [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, levels)])


@pytest.mark.parametrize(
    "text, words",
    [
        ("a: 1\nb: 2\na: 3\n", ":3: not YAML (the key 'a' stands twice)"),
        ("[" * 60 + "]" * 60, ":1: nested deeper than 50"),
        ("[" * 100_000, "not YAML"),
        (bomb(12), "references make over"),
        ("a: &a [*a]", "refers to itself"),
        ("a: 99999999999999999999", "more than 64 bits"),
        ("a: " + "9" * 5000, "not YAML"),
        ("a: !!int x", "not YAML"),
        ("a: !!python/object/apply:os.system [id]", "not YAML"),
        ("a: 2001-99-99", "not YAML"),
        ("a\0b", ":1: a zero byte"),
    ],
)
def test_odd_yaml(text, words, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    message = refusal(read_yaml, path)
    assert str(path) in message and words in message


def test_references_and_lists_that_are_as_they_should_be(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("\ufeffa: &a {b: 1}\nc: *a\nd: {<<: *a, e: 2.5}\n", encoding="utf-8")
    assert read_yaml(path) == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2.5}}
    path.write_bytes("a\u2028b\r\nc\x0bd\n\ne".encode())
    assert read_lines(path) == ["a\u2028b", "c\x0bd", "", "e"]


def test_odd_json_and_csv(tmp_path):
    path = tmp_path / "x"
    for text in ("{", '{"a": NaN}', '{"a": 1e999}', '{"a": ' + "9" * 30 + "}", "[" * 100_000):
        path.write_text(text)
        assert str(path) in refusal(read_json, path)
    path.write_text("a," + "x" * 200_000 + "\n")
    assert f"{path}:" in refusal(lambda: list(read_csv(path)))
    for missing in (tmp_path / "none", tmp_path):
        assert str(missing) in refusal(read_json, missing)
