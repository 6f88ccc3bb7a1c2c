"""With a recogniser without a graph, the phones of the one before stayed, and their tables, as if they were its own."""

import shutil

from hand_made import data_directory
from tiny_recipe import run_in


def test_they_go_with_their_tables(recipe, tiny_corpus, tmp_path):
    data = data_directory(tmp_path / "d/devtest", tiny_corpus, num_recordings=1)
    bare = shutil.copytree(recipe / "models/demo", tmp_path / "bare", ignore=shutil.ignore_patterns("graph"))
    phones = tmp_path / "exp/phones"
    (phones / "patterns").mkdir(parents=True)
    left = [phones / ".done", phones / "phones.md", phones / "figure2_mixtures-bell.svg", phones / "patterns/.done"]
    left += [phones / "patterns" / name for name in ("mended.csv", "streams-bell.svg")]
    for path in [*left, phones / "notes.txt"]:
        path.write_text('{"of": "another recogniser"}')
    for name in (".done_phones", "phones.ctm", "phones.int.ctm"):
        left.append(data / name)
        left[-1].write_text('{"of": "another recogniser"}')
    for script in (("make_alignments.sh", data), ("analyse_phones.sh", tmp_path, tmp_path)):
        place = () if len(script) == 2 else (phones, "bell")
        done = run_in(recipe, f"steps/{script[0]}", *script[1:], tmp_path / "baer", *place)
        assert done.returncode == 2 and "baer: no such folder; expected an ASR model" in done.stderr
    assert [path for path in left if not path.exists()] == []  # after a name mistyped
    run_in(recipe, "steps/make_alignments.sh", data, bare, check=True)
    run_in(recipe, "steps/analyse_phones.sh", tmp_path, tmp_path, bare, phones, "bell", check=True)
    run_in(recipe, "steps/analyse_patterns.sh", tmp_path, tmp_path, bare, phones / "patterns", "bell", check=True)
    assert [path for path in left if path.exists()] == []
    assert (phones / "notes.txt").exists() and (data / "wav.scp").exists()
    run_in(recipe, "steps/analyse_phones.sh", tmp_path, tmp_path, bare, tmp_path / "never", "bell", check=True)
    assert not (tmp_path / "never").exists()
    (data / "phones.ctm").write_text("made by hand\n")
    run_in(recipe, "steps/make_alignments.sh", data, bare, check=True)
    assert (data / "phones.ctm").read_text() == "made by hand\n"
