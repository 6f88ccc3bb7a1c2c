"""An evaluation set that was taken out of a corpus stayed in its data directories and was scored further."""

import shutil

import numpy as np
import soundfile
from tiny_recipe import run_in


def test_stage_1_removes_what_it_made(recipe, tiny_corpus, tmp_path):
    source, out = shutil.copytree(tiny_corpus, tmp_path / "own"), tmp_path / "data"
    base = source / "mixture_data/evaltest/hash"
    (base / "audio").mkdir(parents=True)
    (base / "meta").mkdir()
    soundfile.write(base / "audio/x.wav", np.full(16000, 0.1), 16000)
    (base / "meta/event_list_evaltest_knock.csv").write_text("x.wav\t0.1\t0.2\tknock\n")
    command = ("steps/make_mixtures.sh", "--config", source / "corpus.yaml", source, "knock", out)
    run_in(recipe, *command, check=True)
    assert (out / "evaltest/wav.scp").read_text().startswith("x ")
    shutil.rmtree(source / "mixture_data")
    done = run_in(recipe, *command, check=True)
    assert "evaltest: removed" in done.stdout and not (out / "evaltest").exists()
    (out / "evaltest").mkdir()
    (out / "evaltest/.done").write_text("by hand\n")
    done = run_in(recipe, *command, check=True)
    assert "removed" not in done.stdout and (out / "evaltest/.done").exists()
