"""Kaldi's option syntax, and the dispatcher's exit codes."""

import os
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from pysed.errors import DataError
from pysed.kaldi.__main__ import command_names, main
from pysed.kaldi.options import OptionParser


def make_parser() -> OptionParser:
    parser = OptionParser("some-command", "Does something.\nUsage: some-command [options] <in>")
    parser.register("binary", True, "Write in binary")
    parser.register("num-ceps", 13, "Number")
    parser.register("beam", 15.0, "Beam")
    parser.register("word_symbol-table", "", "File")
    return parser


def test_values_and_defaults():
    values, rest = make_parser().parse(["--num_ceps=-2", "--Beam=1e-3", "--binary=f", "a", "b"])
    assert (values.num_ceps, values.beam, values.binary, values.word_symbol_table) == (-2, 1e-3, False, "")
    assert rest == ["a", "b"]


@pytest.mark.parametrize("text, expected", [("", True), ("=true", True), ("=T", True), ("=1", True), ("=0", False)])
def test_booleans(text, expected):
    parser = OptionParser("c", "u")
    parser.register("flag", not expected, "")
    assert parser.parse([f"--flag{text}"])[0].flag is expected


@pytest.mark.parametrize(
    "argument, word",
    [
        ("--no-such=1", "no-such"),
        ("--num-ceps=1.5", "whole number"),
        ("--num-ceps=99999999999", "whole number"),
        ("--num-ceps=1_0", "whole number"),
        ("--num-ceps", "num-ceps"),
        ("--beam=x", "number"),
        ("--binary=maybe", "true or false"),
        ("--binary=", "true or false"),
        ("--=3", "without a name"),
        ("--config=/no/such/file", "/no/such/file"),
    ],
)
def test_refusals_name_the_option(argument, word):
    with pytest.raises(DataError, match=word):
        make_parser().parse([argument, "x"])


def test_option_after_a_positional_is_refused_but_not_after_two_dashes():
    with pytest.raises(DataError, match="--beam=3"):
        make_parser().parse(["x", "--beam=3"])
    assert make_parser().parse(["x", "--", "--beam=3"])[1] == ["x", "--beam=3"]
    assert make_parser().parse(["--beam=2", "--", "--beam=3"])[1] == ["--beam=3"]


def test_config_file_comments_and_precedence(tmp_path):
    config = tmp_path / "a.conf"
    config.write_text("# a comment\n\n--num-ceps=40   # forty\n --beam=3\n")
    values, _ = make_parser().parse(["--beam=4", f"--config={config}", "x"])
    assert (values.num_ceps, values.beam) == (40, 4.0)


@pytest.mark.parametrize("line, word", [("num-ceps=40", "expected an option"), ("--nope=1", "unknown option --nope=1")])
def test_config_file_errors_name_the_line(tmp_path, line, word):
    config = tmp_path / "a.conf"
    config.write_text(f"# first\n{line}\n")
    with pytest.raises(DataError, match=f"a.conf:2: .*{word}"):
        make_parser().parse([f"--config={config}"])


def test_help_and_wrong_number_of_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        make_parser().parse(["--help"], 1)
    assert stop.value.code == 0
    assert "--num-ceps" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        make_parser().parse(["a", "b", "--help"], 1)
    assert stop.value.code == 0
    with pytest.raises(SystemExit) as stop:
        make_parser().parse(["a", "b"], 1)
    assert stop.value.code == 1


def test_struct_of_options():
    @dataclass
    class Options:
        max_active: int = 7000
        lattice_beam: float = field(default=8.0, metadata={"doc": "Beam"})
        delta: float = field(default=0.1, metadata={"name": "prune-delta"})

    parser = OptionParser("c", "u")
    parser.register_struct(Options)
    parser.register_struct(Options, prefix="inner")
    values, _ = parser.parse(["--max-active=3", "--prune-delta=2", "--inner.lattice-beam=1"])
    assert parser.build(Options, values) == Options(3, 8.0, 2.0)
    assert parser.build(Options, values, "inner") == Options(7000, 1.0, 0.1)


def run(*argv: str, **kwargs) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pysed.kaldi", *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **kwargs)


def test_dispatcher_lists_commands_and_refuses_others():
    listed = run()
    assert listed.stdout.split() == command_names()
    assert {"compute-mfcc-feats", "copy-feats"} <= set(command_names())
    unknown = run("no-such-command")
    assert unknown.returncode == 2
    assert unknown.stderr.count("\n") == 1


def test_dispatcher_exit_codes(capsys):
    assert main(["copy-feats", "--nope=1", "ark:-", "ark:-"]) == 255
    assert capsys.readouterr().err.startswith("ERROR (copy-feats): command line: unknown option --nope=1")
    with pytest.raises(SystemExit) as stop:
        main(["copy-feats", "ark:-"])
    assert stop.value.code == 1


NEED_TORCH = {"nnet3-compute", "nnet3-latgen-faster"}
USES = """compute-mfcc-feats --dither=0 scp:wav.scp ark:OUT/mfcc
compute-fbank-feats --dither=0 scp:wav.scp ark:OUT/fbank
copy-feats ark:OUT/mfcc ark,scp:OUT/copy,OUT/copy.scp
feat-to-dim scp:OUT/copy.scp OUT/dim
feat-to-len scp:OUT/copy.scp ark,t:OUT/len
copy-int-vector ark:ali.txt ark:OUT/ali
compute-cmvn-stats ark:OUT/mfcc ark:OUT/cmvn
apply-cmvn ark:OUT/cmvn ark:OUT/mfcc ark:OUT/normalised
apply-cmvn-online MODEL/extractor/global_cmvn.stats ark:mfcc_hires.ark ark:OUT/online
ivector-extract-online2 --config=OUT/ivector.conf ark:spk2utt ark:mfcc_hires.ark ark:OUT/ivectors
nnet3-am-copy --raw=true MODEL/final.mdl OUT/final.raw
nnet3-copy --binary=false OUT/final.raw OUT/final.txt
nnet3-info OUT/final.raw
lattice-scale --acoustic-scale=10 ark:lattices.ark ark:OUT/lattices
lattice-best-path ark:OUT/lattices ark:/dev/null ark:OUT/best
ali-to-phones --ctm-output MODEL/final.mdl ark:OUT/ali OUT/ctm
show-transitions MODEL/phones.txt MODEL/final.mdl"""


def test_commands_that_need_no_network_start_without_torch(tmp_path, root):
    """Each does real work, one after the other in one process: none may load what takes a second to load."""
    golden, model = root / "tests/golden/demo", root / "models/demo"
    settings = (golden / "ivector_extractor.conf").read_text().replace("MODEL", str(model))
    (tmp_path / "ivector.conf").write_text(settings)
    lines = USES.replace("OUT", str(tmp_path)).replace("MODEL", str(model)).splitlines()
    assert {line.split()[0] for line in lines} == set(command_names()) - NEED_TORCH
    code = "import sys; from pysed.kaldi.__main__ import main\n"
    code += "print(*(main(line.split()) for line in sys.argv[1:]), file=sys.stderr)\n"
    code += "print({'torch', 'scipy', 'kaldifst', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code, *lines], cwd=golden, capture_output=True, text=True, env=environment
    )
    assert done.stderr.splitlines()[-2:] == [" ".join("0" * len(lines)), "set()"], done.stderr[-2000:]
