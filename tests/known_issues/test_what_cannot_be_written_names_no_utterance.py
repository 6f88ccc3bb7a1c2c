"""copy-feats said that "a matrix with nan" cannot be compressed, but not whose."""

import pytest

from pysed.kaldi.__main__ import main


@pytest.mark.parametrize("method", range(1, 8))
def test_the_utterance_and_the_table_are_named(tmp_path, capsys, method):
    (tmp_path / "x.ark").write_text("good [ 1 2 ]\nbad_one [ 1 nan ]\n")
    options = ["--compress=true", f"--compression-method={method}"]
    assert main(["copy-feats", *options, f"ark:{tmp_path}/x.ark", f"ark:{tmp_path}/y.ark"]) == 255
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"ERROR (copy-feats): ark:{tmp_path}/y.ark: key 'bad_one': a matrix with nan")
