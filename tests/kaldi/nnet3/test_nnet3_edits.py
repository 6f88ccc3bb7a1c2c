"""Edit directives, preparation for test, and the commands' own options, refusals and exit codes."""

import numpy as np
import pytest
from nnet3_cases import acoustic_model, features, network, tdnnf_network

from pysed.errors import DataError
from pysed.kaldi.__main__ import main
from pysed.kaldi.commands import nnet3_am_copy, nnet3_compute, nnet3_copy, nnet3_info, show_transitions
from pysed.kaldi.nnet3.edits import apply_edits, matches, prepare_for_test, set_batchnorm_test_mode
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.reader import read_model, read_nnet
from pysed.kaldi.nnet3.writer import write_model, write_nnet
from pysed.kaldi.stream import KaldiWriter
from pysed.kaldi.tables import TableWriter, matrices, read_object


@pytest.fixture
def model(tmp_path) -> str:
    """A .mdl file of the small TDNN-F network with priors."""
    found = acoustic_model()
    found.priors = np.linspace(0.1, 0.6, 6).astype(np.float32)
    writer = KaldiWriter()
    write_model(found, writer)
    (tmp_path / "final.mdl").write_bytes(bytes(writer))
    return str(tmp_path / "final.mdl")


@pytest.fixture
def raw(tmp_path) -> str:
    writer = KaldiWriter()
    write_nnet(tdnnf_network(), writer)
    (tmp_path / "final.raw").write_bytes(bytes(writer))
    return str(tmp_path / "final.raw")


@pytest.fixture
def data(tmp_path) -> str:
    """Two utterances with i-vectors, one without."""
    with (
        TableWriter(f"ark:{tmp_path}/feats.ark", "matrix") as table,
        TableWriter(f"ark:{tmp_path}/online.ark", "matrix") as online,
        TableWriter(f"ark:{tmp_path}/spk.ark", "vector") as speakers,
    ):
        for seed, key in enumerate(("a", "b", "c")):
            table.write(key, features(25, 4, seed))
            if key != "c":
                online.write(key, features(3, 3, seed))
        speakers.write("s", features(1, 3)[0])
    (tmp_path / "utt2spk").write_text("a s\nb s\nc t\n")
    return str(tmp_path)


@pytest.mark.parametrize(
    "name, pattern, expected",
    [
        ("tdnn1.affine", "*", True),
        ("tdnn1.affine", "tdnn1.affine", True),
        ("tdnn1.affine", "tdnn1", False),
        ("tdnn1.affine", "tdnn*", True),
        ("tdnn1.affine", "*.affine", True),
        ("tdnn1.affine", "t*1*f*e", True),
        ("tdnn1.affine", "t*2*e", False),
        ("tdnn1.affine", "tdnn1.affine*", True),
        ("aba", "ab*ba", False),
        ("abba", "ab*ba", True),
        ("", "*", True),
    ],
)
def test_name_patterns(name, pattern, expected):
    assert matches(name, pattern) is expected


def test_remove_orphans_leaves_what_the_output_needs():
    nnet = tdnnf_network()
    log = apply_edits(nnet, "remove-output-nodes name=output; remove-orphans", "here")
    assert log == ["Removed 1 output nodes.", "Removed 1 orphan nodes, 1 orphan components."]
    assert "output.affine" not in nnet.nodes and "output.affine" not in nnet.components
    assert [n.name for n in nnet.nodes.values() if n.kind == "output"] == ["output-xent"]
    nnet = network("input-node name=a dim=2\ninput-node name=b dim=2\noutput-node name=output input=a")
    apply_edits(nnet, "remove-orphan-nodes", "here")
    assert "b" in nnet.nodes  # inputs stay unless they are named
    apply_edits(nnet, "remove-orphan-nodes remove-orphan-inputs=true", "here")
    assert list(nnet.nodes) == ["a", "output"]


def test_learning_rates_and_factors():
    nnet = tdnnf_network()
    apply_edits(
        nnet, "set-learning-rate-factor name=f2.* learning-rate-factor=0.5\nset-learning-rate learning-rate=0.02", "x"
    )
    rates = {
        name: (float(c["LearningRate"]), float(c.get("LearningRateFactor", 1)))
        for name, c in nnet.components.items()
        if c.updatable
    }
    assert rates["f2.linear"] == pytest.approx((0.01, 0.5)) and rates["output.affine"] == pytest.approx((0.02, 1))
    # the new field stands where Kaldi writes it, before the rate
    assert list(nnet.components["f2.linear"].fields)[:2] == ["LearningRateFactor", "LearningRate"]


def test_rename_node():
    nnet = tdnnf_network()
    apply_edits(nnet, "rename-node old-name=prefinal-l new-name=middle", "x")
    assert str(nnet.nodes["prefinal.affine"].input) == "middle" and "prefinal-l" not in nnet.nodes
    assert nnet.nodes["middle"].component == "prefinal-l"
    with pytest.raises(DataError, match="no node 'prefinal-l'"):
        apply_edits(nnet, "rename-node old-name=prefinal-l new-name=x", "x")
    with pytest.raises(DataError, match="'lda' already"):
        apply_edits(nnet, "rename-node old-name=middle new-name=lda", "x")


def test_fixed_affine_and_dropout_proportion():
    nnet = tdnnf_network()
    feats, ivector = features(10, 4), features(1, 3)
    before = NnetComputer(nnet).compute(feats, ivector)
    log = apply_edits(
        nnet, "convert-to-fixed-affine name=*.affine; set-dropout-proportion name=f2* proportion=0.3", "x"
    )
    assert log == ["Converted 3 components to FixedAffineComponent.", "Set dropout proportions for 1 components."]
    assert list(nnet.components["output.affine"].fields) == ["LinearParams", "BiasParams"]
    assert nnet.components["f2.dropout"]["DropoutProportion"] == np.float32(0.3)
    np.testing.assert_array_equal(NnetComputer(nnet).compute(feats, ivector), before)


@pytest.mark.parametrize(
    "edits, message",
    [
        ("remove-everything", "unknown directive; known: convert-to-fixed-affine"),
        ("apply-svd name=* bottleneck-dim=3", "apply-svd is not supported here"),
        ("remove-output-nodes name=*", "removes all outputs"),
        ("set-dropout-proportion proportion=1.5", "expected 0 to 1"),
        ("set-learning-rate", "expected learning-rate="),
        ("set-learning-rate learning-rate=fast", "expected a number"),
        ("remove-orphans name=x", "unknown name"),
    ],
)
def test_bad_edit(edits, message):
    with pytest.raises(DataError, match=f"^here: line 1: .*{message}"):
        apply_edits(tdnnf_network(), edits, "here")


def test_prepare_for_test():
    nnet = tdnnf_network()
    prepare_for_test(nnet)
    assert all(
        c["TestMode"] for c in nnet.components.values() if c.type in ("BatchNormComponent", "GeneralDropoutComponent")
    )
    assert list(nnet.components["f2.dropout"].fields)[-2:] == ["TestMode", "Continuous"]  # as Kaldi writes them
    set_batchnorm_test_mode(nnet, False)
    assert not nnet.components["f2.batchnorm"]["TestMode"]
    nnet.components["f2.batchnorm"].fields["Count"] = np.float64(0)
    with pytest.raises(DataError, match="f2.batchnorm: .*no statistics"):
        prepare_for_test(nnet)


def test_am_copy(model, raw, tmp_path):
    """Copy, replace the network, change rates, cut: what changes and what does not."""
    out = str(tmp_path / "out.mdl")
    assert nnet3_am_copy.main([model, out]) == 0
    assert (tmp_path / "out.mdl").read_bytes() == (tmp_path / "final.mdl").read_bytes()
    assert nnet3_am_copy.main(["--binary=false", "--learning-rate=0.5", model, out]) == 0
    found = read_model(read_object(out))
    assert found.nnet.components["lda"].type == "FixedAffineComponent"
    assert found.nnet.components["f2.linear"]["LearningRate"] == np.float32(0.5)
    edits = tmp_path / "edits"
    edits.write_text("remove-output-nodes name=output-xent  # not needed\n")
    assert (
        nnet3_am_copy.main([f"--edits-config={edits}", "--edits=remove-orphans", f"--set-raw-nnet={raw}", model, out])
        == 0
    )
    found = read_model(read_object(out))
    assert "output-xent" not in found.nnet.nodes and len(found.priors) == 6
    assert (found.left_context, found.right_context) == (4, 4)
    # Another width of output: the priors no longer fit. Another context: it is found anew.
    config = "--nnet-config=echo output-node name=output input=tdnn1.affine |"
    assert nnet3_am_copy.main([config, model, out]) == 0
    found = read_model(read_object(out))
    assert len(found.priors) == 0 and (found.left_context, found.right_context) == (1, 1)


def test_copy(model, raw, tmp_path):
    """nnet3-copy reads a .mdl, too, and sets the test mode of batch normalisation to what is asked for: false."""
    out = str(tmp_path / "out.raw")
    assert nnet3_copy.main([model, out]) == 0
    assert (tmp_path / "out.raw").read_bytes() == (tmp_path / "final.raw").read_bytes()
    assert nnet3_copy.main(["--batchnorm-test-mode=true", raw, out]) == 0
    assert read_nnet(read_object(out)).components["f2.batchnorm"]["TestMode"]
    assert nnet3_copy.main([out, out]) == 0
    assert not read_nnet(read_object(out)).components["f2.batchnorm"]["TestMode"]
    assert nnet3_copy.main(["--prepare-for-test=true", "--binary=false", raw, out]) == 0
    assert read_nnet(read_object(out)).components["f2.dropout"]["TestMode"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nnet3-am-copy", "--scale=0.5", "MODEL", "/dev/null"], "--scale: not supported here"),
        (["nnet3-am-copy", "--convert-repeated-to-block=true", "MODEL", "/dev/null"], "convert-repeated-to-block: not"),
        (["nnet3-am-copy", "--nnet-config=/nowhere", "MODEL", "/dev/null"], "/nowhere"),
        (["nnet3-am-copy", "--edits=rename-node old-name=output new-name=x", "MODEL", "x"], "an output 'output'"),
        (["nnet3-am-copy", "RAW", "/dev/null"], "expected <TransitionModel>"),
        (["nnet3-copy", "--scale=2", "RAW", "/dev/null"], "--scale: not supported here"),
        (["nnet3-copy", "--edits-config=RAW", "RAW", "/dev/null"], "not a text file"),
        (["nnet3-info", "/nowhere.raw"], "/nowhere.raw"),
        (["nnet3-info", "--colour=red", "RAW"], "unknown option --colour=red"),
        (["nnet3-compute", "--online-ivectors=ark:x", "RAW", "ark:y", "ark:z"], "needs --online-ivector-period"),
        (["nnet3-compute", "--online-ivectors=ark:x", "--ivectors=ark:x", "RAW", "ark:y", "ark:z"], "exclude each"),
        (["nnet3-compute", "--frames-per-chunk=0", "RAW", "ark:y", "ark:z"], "--frames-per-chunk=0"),
        (["nnet3-compute", "--use-priors=true", "RAW", "ark:y", "ark:z"], "a .mdl file is needed"),
        (["nnet3-compute", "RAW", "ark:/nowhere.ark", "ark:/dev/null"], "/nowhere.ark"),
        (["show-transitions", "/nowhere.txt", "MODEL"], "/nowhere.txt"),
        (["show-transitions", "RAW", "MODEL"], "not a text file"),
    ],
)  # fmt: skip
def test_refusals_are_one_line_and_exit_255(model, raw, capsys, arguments, message):
    arguments = [a.replace("MODEL", model).replace("RAW", raw) for a in arguments]
    assert main(arguments) == 255
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1 and message in errors[0], errors


def test_compute_by_utterance_and_by_speaker(raw, data, capsys):
    """An utterance without i-vector is passed over; a run with none done exits 1."""
    online = ["--online-ivector-period=10", f"--online-ivectors=ark:{data}/online.ark"]
    assert nnet3_compute.main([*online, raw, f"ark:{data}/feats.ark", f"ark:{data}/out.ark"]) == 0
    errors = capsys.readouterr().err
    assert "WARNING (nnet3-compute): No iVector available for utterance c" in errors
    assert "Done 2 utterances, failed for 1" in errors
    found = dict(matrices(f"ark:{data}/out.ark"))
    computer = NnetComputer(tdnnf_network())
    online_options = computer.options
    assert online_options.frames_per_chunk == 50 and online_options.online_ivector_period == 10
    np.testing.assert_array_equal(found["b"], computer.compute(features(25, 4, 1), features(3, 3, 1)))
    speakers = [f"--ivectors=ark:{data}/spk.ark", f"--utt2spk=ark:{data}/utt2spk"]
    assert nnet3_compute.main([*speakers, raw, f"ark:{data}/feats.ark", f"ark:{data}/out.ark"]) == 0
    found = dict(matrices(f"ark:{data}/out.ark"))
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], computer.compute(features(25, 4, 0), features(1, 3)[0]))
    none = [f"--ivectors=ark:{data}/spk.ark", raw, f"ark:{data}/feats.ark", f"ark:{data}/out.ark"]
    assert nnet3_compute.main(none) == 1


def test_compute_without_ivectors_names_the_utterance(raw, data):
    with pytest.raises(DataError, match="utterance a: i-vectors of width 0; the network expects 3"):
        nnet3_compute.main([raw, f"ark:{data}/feats.ark", f"ark:{data}/out.ark"])


def test_priors_scale_and_exponent(model, data, tmp_path):
    """(output − log prior) · scale, exponent last."""
    online = ["--online-ivector-period=10", f"--online-ivectors=ark:{data}/online.ark", "--acoustic-scale=0.5"]
    both = [*online, "--use-priors=true", "--apply-exp=true", model, f"ark:{data}/feats.ark", f"ark:{data}/out.ark"]
    assert nnet3_compute.main(both) == 0
    plain = NnetComputer(tdnnf_network()).compute(features(25, 4, 0), features(3, 3, 0))
    expected = np.exp(0.5 * (plain - np.log(np.linspace(0.1, 0.6, 6))))
    np.testing.assert_allclose(dict(matrices(f"ark:{data}/out.ark"))["a"], expected, rtol=1e-5)
    found = acoustic_model()
    found.priors = np.ones(5, np.float32)
    writer = KaldiWriter()
    write_model(found, writer)
    (tmp_path / "other.mdl").write_bytes(bytes(writer))
    with pytest.raises(DataError, match="5 priors for an output of width 6"):
        nnet3_compute.main(["--use-priors=true", f"{tmp_path}/other.mdl", f"ark:{data}/feats.ark", "ark:/dev/null"])


def test_info_of_a_network_without_context(capsys, tmp_path):
    """A recurrence without a beginning has no context to be found; the rest is printed with a warning."""
    config = "input-node name=input dim=2\ncomponent name=n type=NoOpComponent dim=2\n"
    config += "component-node name=c component=n input=Sum(input, Offset(c, -1))\noutput-node name=output input=c"
    writer = KaldiWriter()
    write_nnet(network(config), writer)
    (tmp_path / "loop.raw").write_bytes(bytes(writer))
    assert nnet3_info.main([str(tmp_path / "loop.raw")]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("num-parameters: 0\nmodulus: 1\ninput-node name=input dim=2\ncomponent-node name=c ")
    assert "WARNING (nnet3-info): no context" in printed.err


def test_info_by_hand(raw, capsys):
    assert nnet3_info.main([raw]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["left-context: 4", "right-context: 4", "num-parameters: 374"]
    assert "component name=f2.noop type=NoOpComponent, dim=8" in lines
    relu = "component name=f2.relu type=RectifiedLinearComponent, dim=8, self-repair-scale=1e-05"
    assert relu in lines
    assert "output-node name=output-xent input=prefinal.dropout dim=8 objective=linear" in lines


def test_show_transitions_with_counts(model, capsys, tmp_path):
    (tmp_path / "phones.txt").write_text("<eps> 0\nSIL 1\nAH_B 2\n\nT_E 3\n")
    (tmp_path / "occs").write_bytes(b" [ 1 2.5 3 4 5 60000000 ]\n")
    assert show_transitions.main([f"{tmp_path}/phones.txt", model, f"{tmp_path}/occs"]) == 0
    assert capsys.readouterr().out.splitlines()[:6] == [
        "Transition-state 1: phone = SIL hmm-state = 0 forward-pdf = 0 self-loop-pdf = 1",
        " Transition-id = 1 p = 0.5 count of pdf = 2.5 [self-loop]",
        " Transition-id = 2 p = 0.5 count of pdf = 1 [0 -> 1]",
        "Transition-state 2: phone = AH_B hmm-state = 0 forward-pdf = 2 self-loop-pdf = 3",
        " Transition-id = 3 p = 0.25 count of pdf = 4 [self-loop]",
        " Transition-id = 4 p = 0.75 count of pdf = 3 [0 -> 1]",
    ]
    (tmp_path / "occs").write_bytes(b" [ 1 2 ]\n")
    with pytest.raises(DataError, match="2 counts; the model has 6 pdfs"):
        show_transitions.main([f"{tmp_path}/phones.txt", model, f"{tmp_path}/occs"])
    (tmp_path / "phones.txt").write_text("SIL 1\n")
    with pytest.raises(DataError, match="phones.txt: no symbol with number 2"):
        show_transitions.main([f"{tmp_path}/phones.txt", model])
    (tmp_path / "phones.txt").write_text("SIL 1\nAH\n")
    with pytest.raises(DataError, match="phones.txt:2: 'AH'; expected a symbol and its number"):
        show_transitions.main([f"{tmp_path}/phones.txt", model])
