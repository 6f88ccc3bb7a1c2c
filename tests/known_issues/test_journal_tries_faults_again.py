"""A recording that could not be read was refused again from the journal after what it lacked had been installed."""

from pysed.detect.archive import Result
from pysed.detect.journal import Journal, file_state


def test_only_what_was_done_is_taken_from_the_journal(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"x")
    state = file_state(tmp_path / "a.wav")
    with Journal(tmp_path / "journal", "key") as journal:
        journal.add(Result("good", state, duration_s=1.0))
        journal.add(Result("bad", state, fault="a.wav: install ffmpeg"))
    with Journal(tmp_path / "journal", "key") as journal:
        assert journal.take("good", tmp_path / "a.wav") is not None
        assert journal.take("bad", tmp_path / "a.wav") is None
