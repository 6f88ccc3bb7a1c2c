"""Lattice tables, scaling and the best path: against hand-made bytes, kaldifst and a search of all paths."""

import struct
import subprocess
import sys
from pathlib import Path

import kaldifst
import numpy as np
import pytest
from toy_models import damaged

from pysed.errors import DataError
from pysed.kaldi.commands import lattice_best_path, lattice_scale
from pysed.kaldi.lattice import Arc, CompactLattice, Weight, best_path, scale_lattice
from pysed.kaldi.lattice_tables import COMPACT, PLAIN, expand, lattices
from pysed.kaldi.tables import TableWriter, int_vectors, write_kind

ROOT = Path(__file__).resolve().parents[2]
IDS = np.int32


def weight(graph: float, acoustic: float, *ids: int) -> Weight:
    return Weight(float(np.float32(graph)), float(np.float32(acoustic)), np.array(ids, IDS))


def random_lattice(rng: np.random.Generator, num_states: int = 8, shuffled: bool = False) -> CompactLattice:
    """Arcs lead forwards in a hidden order of the states; costs have both signs."""
    order = rng.permutation(num_states) if shuffled else np.arange(num_states)
    made = CompactLattice(int(order[0]), [[] for _ in order], [None for _ in order])

    def some_weight() -> Weight:
        return weight(*rng.normal(0, 5, 2), *rng.integers(1, 100, rng.integers(0, 4)))

    for place, state in enumerate(order):
        for _ in range(3 if place + 1 < num_states else 0):
            target = int(order[rng.integers(place + 1, num_states)])
            made.arcs[state].append(Arc(target, int(rng.integers(0, 20)), some_weight()))
        if rng.random() < 0.3 or place + 1 == num_states:
            made.finals[state] = some_weight()
    return made


def same(a: CompactLattice, b: CompactLattice) -> bool:
    def plain(value: Weight | None):
        return None if value is None else (value.graph, value.acoustic, value.ids.tolist())

    def content(lattice: CompactLattice):
        arcs = [[(x.next_state, x.word, plain(x.weight)) for x in leaving] for leaving in lattice.arcs]
        return lattice.start, arcs, [plain(final) for final in lattice.finals]

    return content(a) == content(b)


def all_paths(lattice: CompactLattice, state: int | None = None):
    """(cost in double precision, words, ids) of every path, by recursion."""
    state = lattice.start if state is None else state
    final = lattice.finals[state]
    if final is not None:
        yield final.graph + final.acoustic, [], final.ids.tolist()
    for arc in lattice.arcs[state]:
        for cost, words, ids in all_paths(lattice, arc.next_state):
            own = arc.weight
            yield own.graph + own.acoustic + cost, [arc.word] * (arc.word > 0) + words, own.ids.tolist() + ids


@pytest.mark.parametrize("shuffled", [False, True])
def test_best_path_against_all_paths(shuffled):
    rng = np.random.default_rng(7)
    for _ in range(60):
        lattice = random_lattice(rng, shuffled=shuffled)
        cost, words, ids = min(all_paths(lattice), key=lambda path: path[0])
        for form in (lattice, expand(lattice)):
            found = best_path(form)
            assert found.words.tolist() == words and found.ids.tolist() == ids
            assert found.cost == pytest.approx(cost, abs=1e-4)


def test_scaling_against_all_paths():
    rng = np.random.default_rng(8)
    for _ in range(20):
        lattice = random_lattice(rng)
        scaled = scale_lattice(lattice, [[2.0, 0.5], [-1.0, 0.25]])
        for before, after in zip(sum(lattice.arcs, []), sum(scaled.arcs, []), strict=True):
            graph, acoustic = before.weight[:2]
            assert after.weight.graph == np.float32(2 * graph + 0.5 * acoustic)
            assert after.weight.acoustic == np.float32(-graph + 0.25 * acoustic)
        cost, words, _ = min(all_paths(scaled), key=lambda path: path[0])
        assert best_path(scaled).words.tolist() == words


def hand_made() -> tuple[CompactLattice, bytes, str]:
    """A lattice with what Kaldi stores for it, put together here byte by byte."""
    lattice = CompactLattice(0, [[], [], []], [None, None, weight(0.5, -1.5, 7)])
    lattice.arcs[0] = [Arc(1, 12, weight(1.25, -2, 4, 3, 3)), Arc(2, 0, weight(0, 0))]
    lattice.arcs[1] = [Arc(2, 13, weight(3, 4.75))]
    head = b"\xd6\xfd\xb2\x7e" + struct.pack("<i", 6) + b"vector" + struct.pack("<i", 16) + b"compactlattice44"
    head += struct.pack("<iiQqqq", 2, 0, 3, 0, 3, 0)
    infinite = struct.pack("<ffi", np.inf, np.inf, 0)
    first = struct.pack("<iiffi3ii", 12, 12, 1.25, -2, 3, 4, 3, 3, 1) + struct.pack("<iiffii", 0, 0, 0, 0, 0, 2)
    second = struct.pack("<iiffii", 13, 13, 3, 4.75, 0, 2)
    states = infinite + struct.pack("<q", 2) + first + infinite + struct.pack("<q", 1) + second
    states += struct.pack("<ffii", 0.5, -1.5, 1, 7) + struct.pack("<q", 0)
    text = "0\t1\t12\t1.25,-2,4_3_3\n0\t2\t0\n1\t2\t13\t3,4.75,\n2\t0.5,-1.5,7\n"
    return lattice, head + states, text


def test_bytes_are_kaldis(tmp_path):
    lattice, stored, text = hand_made()
    for target in ("ark", "ark,t"):
        with TableWriter(f"{target}:{tmp_path}/{target}", COMPACT) as table:
            table.write("a", lattice)
            table.write("b", lattice)
    assert (tmp_path / "ark").read_bytes() == b"a " + stored + b"b " + stored
    assert (tmp_path / "ark,t").read_text() == f"a \n{text}\nb \n{text}\n"
    for name in ("ark", "ark,t"):
        read = list(lattices(f"ark:{tmp_path}/{name}"))
        assert [key for key, _ in read] == ["a", "b"] and all(same(value, lattice) for _, value in read)


@pytest.mark.parametrize("kind", [COMPACT, PLAIN])
@pytest.mark.parametrize("binary", [True, False])
def test_round_trips(tmp_path, kind, binary):
    rng = np.random.default_rng(9)
    written = [random_lattice(rng, int(rng.integers(1, 9))) for _ in range(30)]
    with TableWriter(f"ark{'' if binary else ',t'},scp:{tmp_path}/lat,{tmp_path}/lat.scp", kind) as table:
        for index, lattice in enumerate(written):
            table.write(f"u{index}", lattice)
        table.write("empty", CompactLattice())
    for rspecifier in (f"ark:{tmp_path}/lat", f"scp:{tmp_path}/lat.scp"):
        read = dict(lattices(rspecifier))
        assert read.pop("empty").num_states == 0
        for index, lattice in enumerate(written):
            expected = lattice if kind is COMPACT else expand(lattice)
            found = read[f"u{index}"]
            if binary:
                assert same(found, expected)
            assert best_path(found).ids.tolist() == best_path(lattice).ids.tolist()


def test_other_arc_types(tmp_path):
    """Double costs, and Kaldi's plain lattices."""
    lattice, _, _ = hand_made()
    for arc_type, reals, ids in (("compactlattice84", "dd", True), ("lattice8", "dd", False)):
        source = lattice if ids else expand(lattice)
        data = b"\xd6\xfd\xb2\x7e" + struct.pack("<i", 6) + b"vector" + struct.pack("<i", len(arc_type))
        data += arc_type.encode() + struct.pack("<iiQqqq", 2, 0, 3, 0, source.num_states, 0)

        def stored(value: Weight, reals=reals, ids=ids) -> bytes:
            costs = struct.pack(f"<{reals}", value.graph, value.acoustic)
            return costs + (struct.pack(f"<i{len(value.ids)}i", len(value.ids), *value.ids) if ids else b"")

        for leaving, final in zip(source.arcs, source.finals, strict=True):
            data += stored(final or weight(np.inf, np.inf)) + struct.pack("<q", len(leaving))
            for arc in leaving:
                first = arc.word if ids else arc.weight.ids[0] if len(arc.weight.ids) else 0
                data += struct.pack("<ii", first, arc.word) + stored(arc.weight) + struct.pack("<i", arc.next_state)
        (tmp_path / "lat").write_bytes(b"u " + data)
        ((_, found),) = lattices(f"ark:{tmp_path}/lat")
        assert same(found, source)


def test_kaldifst_reads_plain_lattices(tmp_path):
    """Kaldi's own lattice code, as kaldifst brings it, reads what is written here."""
    lattice = CompactLattice(0, [[Arc(1, 5, weight(1.5, -2.25, 8, 7, 7))], [Arc(2, 0, weight(0.5, 1))], []], [None] * 3)
    lattice.finals[2] = weight(0.25, 0.125, 9)
    write_kind(str(tmp_path / "lat"), PLAIN, lattice)
    read = kaldifst.Lattice.read(str(tmp_path / "lat"))
    found, ids, words, total = kaldifst.get_linear_symbol_sequence(read)
    assert found and ids == [8, 7, 7, 9] and words == [5]
    assert (total.value1, total.value2) == (2.25, -1.125)


def test_commands(tmp_path, capfd):
    lattice, _, _ = hand_made()
    with TableWriter(f"ark:{tmp_path}/lat", COMPACT) as table:
        table.write("u", lattice)
        table.write("none", CompactLattice())
    (tmp_path / "words.txt").write_text("<eps> 0\nhow 12\nnow 13\n")
    targets = [f"ark,t:{tmp_path}/words", f"ark,t:{tmp_path}/ali"]
    assert lattice_best_path.main([f"ark:{tmp_path}/lat", *targets]) == 0
    # the silent arc costs nothing: 0.5 - 1.5 in all
    assert dict(int_vectors(f"ark:{tmp_path}/words"))["u"].tolist() == []
    said = capfd.readouterr().err
    assert "best cost 0.5 + -1.5 = -1 over 1 frames" in said
    assert "Best-path failed for key none" in said and "Done 1 lattices, failed for 1" in said
    symbols = f"--word-symbol-table={tmp_path}/words.txt"
    louder = ["--acoustic-scale=-1", symbols, f"ark:{tmp_path}/lat", *targets]
    assert lattice_best_path.main(louder) == 0
    assert "u\n" in capfd.readouterr().err
    scaled = ["--lm-scale=0.5", "--inv-acoustic-scale=0.1", "--lm2acoustic-scale=-20", f"ark:{tmp_path}/lat"]
    assert lattice_scale.main([*scaled, f"ark:{tmp_path}/scaled"]) == 0
    assert lattice_best_path.main([symbols, f"ark:{tmp_path}/scaled", *targets]) == 0
    # the words' graph costs, 1.25 and 3, now count -20-fold in the acoustic costs
    assert "u how now\n" in capfd.readouterr().err
    assert dict(int_vectors(f"ark:{tmp_path}/words"))["u"].tolist() == [12, 13]
    assert dict(int_vectors(f"ark:{tmp_path}/ali"))["u"].tolist() == [4, 3, 3, 7]
    (tmp_path / "words.txt").write_text("<eps> 0\n")
    with pytest.raises(DataError, match="word 12"):
        lattice_best_path.main([symbols, f"ark:{tmp_path}/scaled"])
    assert lattice_scale.main(["--write-compact=false", f"ark:{tmp_path}/scaled", f"ark:{tmp_path}/plain"]) == 0
    assert lattice_best_path.main([f"ark:{tmp_path}/plain", *targets]) == 0
    assert dict(int_vectors(f"ark:{tmp_path}/ali"))["u"].tolist() == [4, 3, 3, 7]
    assert lattice_best_path.main(["ark:/dev/null"]) == 1 and lattice_scale.main(["ark:/dev/null"] * 2) == 1


def test_kaldis_lattices(tmp_path):
    """Branching lattices from Kaldi's latgen-faster-mapped; the paths are those of its own lattice-best-path."""
    golden, scaled = ROOT / "tests/golden/demo", tmp_path / "scaled"
    assert all(sum(map(len, lattice.arcs)) >= 40 for _, lattice in lattices(f"ark:{golden}/lattices.ark"))
    for scale, expected in (("1", "ali_best.txt"), ("0.1", "lattices_ali_0.1.txt")):
        paths = dict(int_vectors(f"ark:{golden}/{expected}"))
        assert (
            lattice_best_path.main(
                [f"--acoustic-scale={scale}", f"ark:{golden}/lattices.ark", "ark:/dev/null", f"ark:{tmp_path}/ali"]
            )
            == 0
        )
        found = dict(int_vectors(f"ark:{tmp_path}/ali"))
        assert list(found) == ["espeak_digits", "noise_burst"]
        assert all(np.array_equal(paths[key], ids) for key, ids in found.items())
    assert lattice_scale.main([f"--acoustic-scale={scale}", f"ark:{golden}/lattices.ark", f"ark:{scaled}"]) == 0
    assert all(np.array_equal(best_path(lattice).ids, found[key]) for key, lattice in lattices(f"ark:{scaled}"))


def test_refusals(tmp_path):
    lattice = CompactLattice(0, [[Arc(1, 1, weight(0, 0))], [Arc(0, 1, weight(0, 0))]], [None, weight(1, 1)])
    with TableWriter(f"ark:{tmp_path}/cycle", COMPACT) as table:
        table.write("u", lattice)
    with pytest.raises(DataError, match="u: a cycle through state 0"):
        lattice_best_path.main([f"ark:{tmp_path}/cycle"])
    for options in (["--acoustic-scale=2", "--inv-acoustic-scale=2"], ["--inv-acoustic-scale=0"], ["--scale=2"]):
        with pytest.raises(DataError, match=options[-1].split("=")[0][2:]):
            lattice_scale.main([*options, f"ark:{tmp_path}/cycle", "ark:/dev/null"])
    with pytest.raises(DataError, match="too large"):
        lattice_scale.main(["--lm-scale=1e39", f"ark:{tmp_path}/cycle", "ark:/dev/null"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1 2 3,4\n", "expected a line of a lattice"),
        ("0 1 2 3,4,5_x\n\n", "expected a line of a lattice"),
        ("0 1 -2 3,4,5\n\n", "expected a line of a lattice"),
        ("0 1 2 nan,4,5\n\n", "expected a line of a lattice"),
        ("0 1 2 3,4,5\n1 0,0,\n", "truncated"),
        ("0 1 2 3,4,5\n1 2 3 4 5,6\n\n", "expected a line of a lattice"),
    ],
)
def test_bad_text(tmp_path, text, message):
    (tmp_path / "lat").write_text(f"u \n{text}")
    with pytest.raises(DataError, match=message):
        list(lattices(f"ark:{tmp_path}/lat"))


def test_sparse_state_numbers_claim_no_memory(tmp_path):
    (tmp_path / "lat").write_text("u \n5 2000000000 2 3,4,5\n2000000000\n\n")
    ((_, lattice),) = lattices(f"ark:{tmp_path}/lat")
    assert lattice.num_states == 2 and best_path(lattice).words.tolist() == [2]


@pytest.mark.parametrize("target", ["ark", "ark,t"])
@pytest.mark.parametrize("kind", [COMPACT, PLAIN])
def test_damage_is_one_error(tmp_path, target, kind):
    rng = np.random.default_rng(21)
    with TableWriter(f"{target}:{tmp_path}/good", kind) as table:
        for index in range(3):
            table.write(f"u{index}", random_lattice(rng))
    content, path, refused = (tmp_path / "good").read_bytes(), tmp_path / "bad", 0
    for _ in range(700):
        path.write_bytes(damaged(rng, content))
        try:
            for _, lattice in lattices(f"ark:{path}"):
                best_path(lattice)
        except DataError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 200


def test_pipes_between_commands(tmp_path):
    lattice, stored, _ = hand_made()
    (tmp_path / "lat").write_bytes(b"u " + stored)
    python = f"{sys.executable} -m pysed.kaldi"
    line = f"{python} lattice-scale ark:{tmp_path}/lat ark:- | {python} lattice-best-path ark:- ark,t:- ark:/dev/null"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "u \n", done.stderr
