"""A Kaldi chain model out of its archives in the model-folder layout: network, extractor, phones, settings, graph.

Source of the settings: egs/librispeech/s5 of Kaldi (conf/mfcc_hires.conf; frame subsampling 3 of run_tdnn_1d.sh).
"""

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath

from pysed.atomic import naming, temporary_beside
from pysed.errors import DataError
from pysed.freshness.marks import clear_left_beside
from pysed.kaldi.graph.decoding_graph import build_graph
from pysed.text_files import read_text

EXTRACTOR = ("final.ie", "final.dubm", "final.mat", "global_cmvn.stats")
LANG = ("data/lang_test_tgsmall", "data/lang_test*")
MFCC_HIRES = "--use-energy=false\n--num-mel-bins=40\n--num-ceps=40\n--low-freq=20\n--high-freq=-400\n"
ROOTS = ("exp", "data", "conf")


def place_member(name: PurePosixPath) -> PurePosixPath | None:
    """Where a member goes: from ``exp``, ``data`` or ``conf`` on; anything else is left out."""
    for index, part in enumerate(name.parts[:-1]):
        if part in ROOTS:
            return PurePosixPath(*name.parts[index:])
    return None


def _one(source: Path, patterns: tuple[str, ...], what: str) -> Path:
    """The one file or folder that the first matching pattern finds."""
    for pattern in patterns:
        found = sorted(source.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            raise DataError(f"{source}: {len(found)} candidates for {what}: {', '.join(map(str, found))}; expected one")
    raise DataError(f"{source}: no {what} ({patterns[0]}); expected it in the archives; fetch them anew")


def splice_lines(text: str) -> str:
    """``splice_opts`` (options on one line) as ``splice.conf`` (one a line); options must begin with ``--``."""
    words = text.split()
    if not words or not all(word.startswith("--") and "=" in word for word in words):
        raise DataError(f"splice_opts: {text.strip()!r}; expected options like --left-context=3 --right-context=3")
    return "".join(f"{word}\n" for word in words)


def arrange_model(source: Path, out: Path, environment: dict[str, str] | None = None) -> None:
    """Copy an unpacked chain model from ``source`` to the model folder ``out``, and build its graph.

    ``source`` holds exp/chain*/*/{final.mdl,tree}, exp/nnet3*/extractor and data/lang*/phones.txt. The graph is built
    by Kaldi's own mkgraph.sh where KALDI_ROOT is set, otherwise by `build_graph`. Raises DataError for what is missing;
    ``out`` is then as it was.
    """
    environment = dict(os.environ) if environment is None else environment
    if not (out / "final.mdl").is_file():
        temporary = temporary_beside(out)
        clear_left_beside(out)
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            with naming(out):
                _fill(source, temporary)
            if out.exists():
                raise DataError(f"{out}: exists without a final.mdl; move it away to have the model arranged there")
            temporary.rename(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    if (out / "graph" / "HCLG.fst").is_file():
        return
    root = environment.get("KALDI_ROOT")
    if root:
        kaldi_graph(source, out, Path(root))
        return
    print(f"{out}: building the decoding graph (minutes)", flush=True)
    lang = _one(source, LANG, "language folder") if any(source.glob(LANG[-1])) else None
    print(f"{out}: a graph of {build_graph(out, lang)}", flush=True)


def _fill(source: Path, out: Path) -> None:
    chain = _one(source, ("exp/chain*/*/final.mdl",), "chain model").parent
    (out / "conf").mkdir(parents=True)
    for name in ("final.mdl", "tree"):
        _copy(_one(chain, (name,), name), out / name)
    phones = ("data/lang_test*/phones.txt", "data/lang*/phones.txt", "exp/chain*/*/phones.txt")
    _copy(_one(source, phones, "phones.txt"), out / "phones.txt")
    factor = chain / "frame_subsampling_factor"
    (out / "frame_subsampling_factor").write_text(read_text(factor) if factor.is_file() else "3\n")
    given = source / "conf" / "mfcc_hires.conf"
    (out / "conf" / "mfcc_hires.conf").write_text(read_text(given) if given.is_file() else MFCC_HIRES)
    extractor = _one(source, ("exp/nnet3*/extractor",), "i-vector extractor")
    (out / "extractor").mkdir()
    for name in EXTRACTOR:
        _copy(_one(extractor, (name,), name), out / "extractor" / name)
    options = extractor / "splice.conf"
    text = read_text(options) if options.is_file() else read_text(_one(extractor, ("splice_opts",), "splice_opts"))
    (out / "extractor" / "splice.conf").write_text(text if options.is_file() else splice_lines(text))
    online = extractor / "online_cmvn.conf"
    (out / "extractor" / "online_cmvn.conf").write_text(read_text(online) if online.is_file() else "")
    _copy_cmvn(source, chain, extractor, out)


def _copy_cmvn(source: Path, chain: Path, extractor: Path, out: Path) -> None:
    """What says that network and extractor were trained on normalised features; marks may be empty."""
    files = {chain / "cmvn_opts": "cmvn_opts", source / "conf/online_cmvn.conf": "conf/online_cmvn.conf"}
    files[extractor / "online_cmvn_iextractor"] = "extractor/online_cmvn_iextractor"
    if (chain / "online_cmvn").is_file():
        files |= {chain / name: name for name in ("online_cmvn", "global_cmvn.stats")}
    for file, name in files.items():
        if file.is_file():
            shutil.copyfile(file, out / name)


def _copy(source: Path, target: Path) -> None:
    if source.stat().st_size == 0:
        raise DataError(f"{source}: empty; expected in the archives; fetch them anew")
    shutil.copyfile(source, target)


def kaldi_graph(source: Path, out: Path, kaldi_root: Path) -> None:
    """``out/graph`` by Kaldi's utils/mkgraph.sh from the language folder; raises DataError naming its log."""
    recipe = kaldi_root / "egs" / "wsj" / "s5"
    script = recipe / "utils" / "mkgraph.sh"
    if not script.is_file():
        raise DataError(f"{script}: missing; KALDI_ROOT must name a complete Kaldi, with egs/wsj/s5/utils")
    lang = _one(source, LANG, "language folder").resolve()
    work = out / "graph.tmp"
    shutil.rmtree(work, ignore_errors=True)
    log = out / "mkgraph.log"
    folders = [str(folder) for folder in (lang, out.resolve(), work.resolve())]
    command = ["utils/mkgraph.sh", "--self-loop-scale", "1.0", "--remove-oov", *folders]
    path = ":".join(
        f"{kaldi_root.resolve()}/{name}" for name in ("src/bin", "src/fstbin", "tools/openfst/bin", "src/gmmbin")
    )
    environment = {**os.environ, "LC_ALL": "C", "KALDI_ROOT": str(kaldi_root.resolve())}
    environment["PATH"] = f"{path}:{recipe.resolve() / 'utils'}:{environment.get('PATH', '')}"
    with open(log, "wb") as stream:
        code = subprocess.run(command, cwd=recipe, env=environment, stdout=stream, stderr=subprocess.STDOUT).returncode
    if code or not (work / "HCLG.fst").is_file():
        raise DataError(f"{script}: exit {code}, no HCLG.fst; the reason is in {log}")
    work.rename(out / "graph")
