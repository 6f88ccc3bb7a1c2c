"""``pysed score`` refused the list of a system that had found nothing where it named no files, either."""

import pytest

from pysed.cli import main

HEAD = "filename\tonset\toffset\tevent_label\tscore\n"


def scored(folder, reference: str, detected: str) -> int:
    (folder / "r").write_text(reference)
    (folder / "d").write_text(detected)
    return main(["score", "--reference", f"{folder}/r", "--detected", f"{folder}/d", "--event", "cry"])


@pytest.mark.parametrize("detected", ["", "\n", HEAD])
def test_every_event_counts_as_missed(detected, tmp_path, capsys):
    assert scored(tmp_path, "a.wav\t1\t2\tcry\nb.wav\n", detected) == 0
    out, err = capsys.readouterr()
    assert "cry: ER 1.00 " in out and "2 files" in out
    assert err == f"{tmp_path}/d: 2 of 2 files of the reference missing (a.wav, …); counted as without detection\n"


@pytest.mark.parametrize("reference", ["", HEAD])
def test_an_empty_reference_is_refused(reference, tmp_path, capsys):
    assert scored(tmp_path, reference, "") == 2
    assert f"{tmp_path}/r: no rows; expected" in capsys.readouterr().err
