"""``final.pt`` differed in bytes from run to run: the archive in it was named after a process."""

import torch

from pysed.detector import checkpoint


def test_the_same_content_is_the_same_bytes(tmp_path, monkeypatch):
    content = {"format": checkpoint.FORMAT, "state": {"a": torch.arange(5.0)}, "beta": 0.5}
    saved = []
    for pid, folder in ((11, "one"), (222, "two")):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        (tmp_path / folder).mkdir()
        checkpoint.save(tmp_path / folder / f"final{pid}.pt", content)
        saved.append((tmp_path / folder / f"final{pid}.pt").read_bytes())
    assert saved[0] == saved[1]
