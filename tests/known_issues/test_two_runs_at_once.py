"""Two runs of the same corpus and class left an empty folder marked as done, and one of them a traceback."""

import re
import shutil

from hand_made import contents, left_over, start
from tiny_recipe import run_in

KEPT = ("*.wav", "wav.scp", "utt2*", "reco2dur", "events.tsv", "recipes.yaml")


def test_both_end_well_with_the_values_of_one(recipe, tiny_corpus):
    line = ("steps/make_mixtures.sh", "--nj", "1", "--config", tiny_corpus / "corpus.yaml", tiny_corpus)
    out = recipe / "data/at_once"
    run_in(recipe, *line, "babycry", out / "babycry", check=True)
    alone = contents(out, *KEPT)
    shutil.rmtree(out)
    runs = [start(recipe, *line, event, out / event) for event in ("babycry", "knock", "babycry", "babycry")]
    said = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, said
    assert {name: value for name, value in contents(out, *KEPT).items() if name.startswith("babycry")} == alone
    assert not left_over(out) and "Traceback" not in "".join(said)
    waits = [line for text in said for line in text.splitlines() if "waits until" in line]
    # Who has not said yet that it is at work, on a slow machine, is another run to those that wait.
    who = rf"{re.escape(str(out))}/babycry: waits until (process \d+: steps/make_mixtures\.sh|another run) is done"
    assert waits and all(re.search(who, line) for line in waits), waits
    text = said[0] + said[2] + said[3]
    assert text.count("4 recordings") == 1 and text.count("up to date") == 8, "made once, the others found it"
    shutil.rmtree(out)
