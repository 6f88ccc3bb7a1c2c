"""In a read-only folder stages failed with what the shell said, exit 1, also where all of it was up to date."""

import os
import shutil
from pathlib import Path

import pytest
from hand_made import data_directory
from tiny_recipe import run_in

CAPS = "-dac_override,-dac_read_search"
USER = ["setpriv", f"--bounding-set={CAPS}", f"--inh-caps={CAPS}"] if os.geteuid() == 0 else []  # root writes anywhere
pytestmark = pytest.mark.skipif(bool(USER) and not shutil.which("setpriv"), reason="root needs setpriv")


@pytest.fixture
def data(tmp_path, tiny_corpus) -> Path:
    return data_directory(tmp_path / "data/set", tiny_corpus)


def test_what_is_up_to_date_needs_no_writing(recipe, data):
    step = ("steps/make_sed_feats.sh", "--nj", 1, data)
    run_in(recipe, *step, "logmel40", check=True)
    (data / "wav.scp").touch()  # as in a copy: the file is read again, and cannot be noted
    for folder in (data, data.parent):
        folder.chmod(0o555)
    try:
        done = run_in(recipe, *USER, *step, "logmel40")
        assert done.returncode == 0 and done.stdout.endswith("up to date\n"), done.stderr
        done = run_in(recipe, *USER, *step, "logmel128")
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "Permission denied" in done.stderr
    finally:
        for folder in (data, data.parent):
            folder.chmod(0o755)


def test_a_lock_of_another_user(recipe, data):
    (data.parent / ".lock").touch(0o444)
    done = run_in(recipe, *USER, "steps/make_sed_feats.sh", "--nj", 1, data, "logmel40")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "/.lock: belongs to " in done.stderr
