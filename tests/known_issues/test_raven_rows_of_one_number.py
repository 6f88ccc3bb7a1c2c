"""Selections of joined Raven tables whose numbers come again, or are blank, were dropped."""

from pysed.corpus.label_files import _raven

HEAD = "Selection\tView\tBegin Time (s)\tEnd Time (s)\tBegin File\tAnnotation\n"


def test_only_views_are_repetitions(tmp_path):
    rows = [
        ("1", "Waveform 1", "0.5", "1.0", "a.wav", "dog"),
        ("1", "Spectrogram 1", "0.5", "1.0", "a.wav", "dog"),  # another view
        ("2", "Waveform 1", "2.0", "2.5", "a.wav", "dog"),
        ("1", "Waveform 1", "0.5", "1.0", "b.wav", "dog"),  # of a second table
        ("", "Waveform 1", "3.0", "3.5", "b.wav", "dog"),
        ("", "Waveform 1", "4.0", "4.5", "b.wav", "cat"),
    ]
    (tmp_path / "t.txt").write_text(HEAD + "".join("\t".join(row) + "\n" for row in rows))
    found = [(file, event.onset_s, event.label) for file, event in _raven(tmp_path / "t.txt")]
    assert found == [
        ("a.wav", 0.5, "dog"), ("a.wav", 2.0, "dog"), ("b.wav", 0.5, "dog"), ("b.wav", 3.0, "dog"),
        ("b.wav", 4.0, "cat"),
    ]  # fmt: skip
