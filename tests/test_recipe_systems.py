"""``--system all`` is every YAML of conf/systems, each with its front end."""

import shutil

import yaml
from tiny_recipe import run_in

SYSTEMS = {"cbrnn", "gradual", "finetune", "crnn", "crnn_ta", "crnn_ta_fa", "cnn1d_rnn", "mlp"}


def test_all_systems_resolve_with_their_front_ends(recipe, tiny_corpus, root, tmp_path):
    paths = list((root / "conf/systems").glob("*.yaml"))
    assert {path.stem for path in paths} >= SYSTEMS
    frontends = {yaml.safe_load(path.read_text())["frontend"] for path in paths}
    # A corpus whose mixtures were never made: stage 2 says what it would compute, then that stage 1 is missing.
    untouched = shutil.copytree(tiny_corpus, tmp_path / "untouched")
    options = ("--corpus", untouched, "--event", "knock", "--stage", 2, "--stop-stage", 2)
    done = run_in(recipe, "./run.sh", *options, "--system", "all", "--exp", "exp_all")
    assert done.returncode == 2 and "no wav.scp; run stage 1" in done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "stage 2: SED features" in line]
    assert set(line.split("feats_{")[1].split("}")[0].split(",")) == frontends
    variants = run_in(recipe, "./run.sh", *options, "--system", "ablation", "--exp", "exp_all")
    assert variants.returncode == 2 and "-> feats_{logmel40,logmel128}.scp" in variants.stdout
    printed = run_in(recipe, "./run.sh", *options, "--system", "paper", "--exp", "exp_all")
    assert printed.returncode == 2 and "-> feats_{logmel40_10ms,logmel40}.scp" in printed.stdout
    done = run_in(recipe, "./run.sh", *options, "--system", "none")
    assert done.returncode == 2 and set(done.stderr.replace(";", "").split()) >= SYSTEMS
