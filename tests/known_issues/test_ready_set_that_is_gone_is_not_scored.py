"""An evaluation set that was taken out of a corpus stayed in its data directories and was scored further."""

import shutil

import numpy as np
import soundfile
from small_detector import make_data_dir, make_model
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
    (source / "mixture_data").rename(tmp_path / "disk")
    (source / "mixture_data").symlink_to(tmp_path / "not mounted")
    done = run_in(recipe, *command)
    assert done.returncode == 2 and "mixture_data: a link to what is not there" in done.stderr
    assert (out / "evaltest/wav.scp").exists()
    (source / "mixture_data").unlink()
    done = run_in(recipe, *command, check=True)
    assert "evaltest: removed" in done.stdout and not (out / "evaltest").exists()
    (out / "evaltest").mkdir()
    (out / "evaltest/.done").write_text("by hand\n")
    done = run_in(recipe, *command, check=True)
    assert "removed" not in done.stdout and (out / "evaltest/.done").exists()


def test_stage_6_removes_its_scores(recipe, tmp_path):
    """They stood in the results for good; where all data are gone, to save room, scores stay."""
    model = make_model(tmp_path / "model")
    (model / ".done_train").write_text("x\n")
    for subset in ("devtest", "evaltest"):
        folder = make_data_dir(tmp_path / "data" / subset)
        for mark in (".done", ".done_feats_logmel40"):
            (folder / mark).write_text("x\n")
    (tmp_path / "cbrnn.yaml").write_text("system: cbrnn\nmodel: cbrnn\nfrontend: logmel40\nasr: false\n")
    command = ("steps/score.sh", tmp_path / "data", "cry", tmp_path / "cbrnn.yaml", model)
    run_in(recipe, *command, check=True)
    assert len(list(model.glob("*_evaltest.*"))) == len(list(model.glob("*_devtest.*"))) > 5
    shutil.rmtree(tmp_path / "data/evaltest")
    done = run_in(recipe, *command, check=True)
    assert not list(model.glob("*evaltest*")) and (model / "score_devtest.json").is_file()
    assert "evaltest: scores removed" in done.stdout
    (model / "score_evaltest.json").write_text("{}")  # of a set of the user's own
    run_in(recipe, *command, check=True)
    assert (model / "score_evaltest.json").is_file()
    shutil.rmtree(tmp_path / "data/devtest")
    run_in(recipe, *command, check=True)
    assert (model / "score_devtest.json").is_file()
