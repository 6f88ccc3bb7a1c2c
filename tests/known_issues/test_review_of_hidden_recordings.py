"""``pysed review`` of a folder of tables left out those of recordings whose names begin with a dot."""

from pysed.detect.tables import Listed, read_detections


def test_their_tables_are_read(tmp_path, capsys):
    for name in (".hidden.wav", "s1/a.wav", ".s2/b.wav"):
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"filename\tonset\toffset\tevent_label\n{name}\t1\t2\tbell\n")
    (tmp_path / "._a.wav.tsv").write_bytes(b"\0\5\x16\7")
    (tmp_path / ".pysed-detect.journal").write_text("{}\n")
    names = (".hidden.wav", ".s2/b.wav", "s1/a.wav")
    assert sorted(read_detections(tmp_path)) == [Listed(name, 1.0, 2.0, "bell") for name in names]
    assert "macOS keeps beside others left out: 1 (._a.wav.tsv)" in capsys.readouterr().err
