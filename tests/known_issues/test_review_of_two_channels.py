"""Two detections of one file, class and time, as of two channels, were two clips with one key: the page mixed up what
was decided, and its label file could be refused."""

import json
import re

import numpy as np
import pytest
import soundfile

from pysed.errors import DataError
from pysed.report.review import write_review


def test_one_clip_for_what_labels_cannot_tell_apart(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(5 * 16000), 16000)
    table = tmp_path / "found.tsv"
    rows = ["a.wav\t1.0\t2.0\tcry\t0.3", "a.wav\t1.0\t2.0\tcry\t0.7", "a.wav\t1.0\t2.5\tcry\t0.2"]
    table.write_text("filename\tonset\toffset\tevent_label\tscore\n" + "\n".join(rows) + "\n")
    write_review([table], [tmp_path], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    clips = json.loads(re.search(r'type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)[1])["clips"]
    assert [(clip["offset"], clip["score"]) for clip in clips] == [(2.0, "0.7000"), (2.5, "0.2000")]
    for out in (table, tmp_path / "a.wav"):
        before = out.read_bytes()
        with pytest.raises(DataError, match="in the place of an input"):
            write_review([table], [tmp_path], out)
        assert out.read_bytes() == before
