"""Reading and writing networks, acoustic models and transition models; damaged ones."""

import random
import signal
import subprocess
import sys

import numpy as np
import pytest
from nnet3_cases import acoustic_model, components, network, tdnnf_network
from recurrent_cases import NETWORKS

from pysed.errors import DataError
from pysed.kaldi.nnet3.components import SCHEMAS, Component
from pysed.kaldi.nnet3.model import Nnet
from pysed.kaldi.nnet3.reader import read_model, read_nnet
from pysed.kaldi.nnet3.writer import write_component, write_model, write_nnet
from pysed.kaldi.stream import KaldiReader, KaldiWriter
from pysed.kaldi.tables import read_object
from pysed.kaldi.transitions import TransitionModel, read_transition_model

CASES = components()


def as_bytes(value, binary: bool = True) -> bytes:
    """A network's, acoustic or transition model's file."""
    writer = KaldiWriter(binary)
    if isinstance(value, Nnet):
        write_nnet(value, writer)
    elif isinstance(value, TransitionModel):
        value.write(writer)
    else:
        write_model(value, writer)
    return bytes(writer)


def assert_same_fields(found: Component, expected: Component) -> None:
    assert found.type == expected.type and list(found.fields) == list(expected.fields)
    for token, value in expected.fields.items():
        np.testing.assert_array_equal(found.fields[token], value, err_msg=token)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
@pytest.mark.parametrize("name", CASES)
def test_component_round_trip(name, binary):
    writer = KaldiWriter(binary)
    writer.raw("<Nnet3> \ninput-node name=input dim=3\noutput-node name=output input=input\n\n")
    writer.token("<NumComponents>")
    writer.int32(1)
    writer.token("<ComponentName>", "c")
    write_component(CASES[name], writer)
    writer.token("</Nnet3>")
    data = bytes(writer)
    nnet = read_nnet(KaldiReader(data, "x"))
    assert_same_fields(nnet.components["c"], CASES[name])
    for token, value in CASES[name].fields.items():
        assert type(nnet.components["c"].fields[token]) is type(value), token
    again = KaldiWriter(binary)
    write_component(nnet.components["c"], again)
    assert bytes(again).removeprefix(b"\0B") in data


def test_bytes_of_a_component():
    """Kaldi's binary form, spelled out: tokens with a space, sizes before numbers, T for true."""
    fields = {"InputDim": 2, "TargetRms": np.float32(0.5), "AddLogStddev": True}
    writer = KaldiWriter(header=False)
    write_component(Component("NormalizeComponent", fields), writer)
    expected = (
        b"<NormalizeComponent> <InputDim> \4\2\0\0\0<TargetRms> \4\0\0\0\x3f<AddLogStddev> T</NormalizeComponent> "
    )
    assert bytes(writer) == expected
    text = KaldiWriter(binary=False)
    write_component(Component("NormalizeComponent", fields), text)
    assert bytes(text) == b"<NormalizeComponent> <InputDim> 2 <TargetRms> 0.5 <AddLogStddev> T </NormalizeComponent> "


def test_demo_model_is_written_again_to_the_byte(root):
    data = (root / "models/demo/final.mdl").read_bytes()
    model = read_model(KaldiReader(data, "final.mdl"))
    assert as_bytes(model) == data
    assert (model.left_context, model.right_context, len(model.priors)) == (15, 15, 0)
    text = as_bytes(model, binary=False)
    assert b"\0" not in text
    assert as_bytes(read_model(KaldiReader(text, "text"))) == data
    cut = text[text.index(b"<Nnet3>") :].split(b"<LeftContext>")[0]
    assert as_bytes(read_nnet(KaldiReader(cut, "raw text"))) == as_bytes(model.nnet)


@pytest.mark.parametrize("name", ["tdnn/final.mdl", "tdnnf/final.mdl", "tdnnf/final.txt"])
def test_foreign_models_are_read_and_written(root, name):
    path = root.parent / "shared/golden/foreign" / name
    if not path.is_file():
        pytest.skip(f"{path}: not there; these networks are not part of the repository")
    data = path.read_bytes()
    if name.endswith("mdl"):
        assert as_bytes(read_model(KaldiReader(data, name))) == data
        return
    nnet = read_nnet(KaldiReader(data, name))
    other = read_nnet(read_object(str(path.with_suffix(".mdl"))))
    # The text is the binary model made ready for test: its lda is multiplied into the first layer, the rest is there.
    shared = set(nnet.components) & set(other.components)
    assert set(nnet.components) - shared == {"lda.tdnn1.affine"}
    for key in shared:
        if key.endswith(".linear") and "Params" in nnet.components[key].fields:
            np.testing.assert_allclose(nnet.components[key]["Params"], other.components[key]["Params"], rtol=1e-5)
    assert as_bytes(read_nnet(KaldiReader(as_bytes(nnet, False), "again")), False) == as_bytes(nnet, False)


def test_double_precision_and_old_forms():
    """Numbers of 8 bytes stay so; models of 2015 end a component with its opening token and have real column maps."""
    value = np.array([[1.1, 2.2]])
    nnet = network("input-node name=input dim=2\noutput-node name=output input=input")
    nnet.components["c"] = Component("LinearComponent", {"Params": value})
    assert read_nnet(KaldiReader(as_bytes(nnet), "x")).components["c"]["Params"].dtype == np.float64
    columns = np.array([1.01, 0.0, 7.0], np.float32)  # the last one was written wrongly then
    writer = KaldiWriter()
    writer.raw("<Nnet3> \ninput-node name=i dim=3\noutput-node name=o input=i\n\n<NumComponents> ")
    writer.int32(1)
    writer.token("<ComponentName>", "p", "<PermuteComponent>", "<ColumnMap>")
    writer.vector(columns)
    writer.token("<PermuteComponent>", "</Nnet3>")
    assert read_nnet(KaldiReader(bytes(writer), "x")).components["p"]["ColumnMap"].tolist() == [1, 0, 2]


def test_number_of_parameters():
    counted = {"AffineComponent": 35, "TdnnComponent": 95, "TimeHeightConvolutionComponent": 33, "NoOpComponent": 0}
    counted |= {"ConstantFunctionComponent": 0, "LstmNonlinearityComponent": 6, "FixedAffineComponent": 0}
    assert {name: CASES[name].num_parameters() for name in counted} == counted


def transition_parts(model: TransitionModel) -> list:
    vectors = ("phone", "hmm_state", "next_state", "forward_pdf", "pdf", "is_self_loop", "is_final", "transition_state")
    return [getattr(model, name).tolist() for name in vectors]


def test_transition_model_by_hand():
    """Three phones of one state: ids 1, 2 are phone 1's self-loop (pdf 1) and exit (pdf 0), and so on."""
    model = acoustic_model().transitions
    none, no = -1, False
    assert transition_parts(model) == [
        [none, 1, 1, 2, 2, 3, 3],
        [none, 0, 0, 0, 0, 0, 0],
        [none, 0, 1, 0, 1, 0, 1],
        [none, 0, 0, 2, 2, 4, 4],
        [none, 1, 0, 3, 2, 5, 4],
        [no, True, False, True, False, True, False],
        [no, False, True, False, True, False, True],
        [none, 1, 1, 2, 2, 3, 3],
    ]
    assert (model.num_pdfs, model.num_transition_ids, model.is_hmm) == (6, 6, False)


HMM = b"""<TransitionModel>
<Topology>
<TopologyEntry>
<ForPhones>
2 3
</ForPhones>
<State> 0 <PdfClass> 0 <Transition> 0 0.5 <Transition> 1 0.25 <Transition> 3 0.25 </State>
<State> 1 <PdfClass> 1 <Transition> 2 1 </State>
<State> 2 <Transition> 3 1 </State>
<State> 3 </State>
</TopologyEntry>
</Topology>
<Triples> 3
2 0 0
2 1 1
3 0 2
</Triples>
<LogProbs>
 [ 0 -0.5 -1 -2 0 -0.5 -1 -2 ]
</LogProbs>
</TransitionModel>
"""


def test_transition_model_with_triples(tmp_path):
    """An HMM whose states have one pdf each, several ways out, and one that emits nothing; text as Kaldi writes it."""
    path = tmp_path / "hmm.mdl"
    path.write_bytes(HMM + b"<Nnet3> what follows is not read")
    model = read_transition_model(path)
    assert model.is_hmm and model.num_pdfs == 3
    assert model.phone.tolist() == [-1, 2, 2, 2, 2, 3, 3, 3]
    assert model.pdf.tolist() == [-1, 0, 0, 0, 1, 2, 2, 2]
    assert model.next_state.tolist() == [-1, 0, 1, 3, 2, 0, 1, 3]
    assert model.is_self_loop.tolist() == [False, True, False, False, False, True, False, False]
    assert model.is_final.tolist() == [False, False, False, True, False, False, False, True]
    binary = as_bytes(model)
    assert transition_parts(TransitionModel.read(KaldiReader(binary, "x"))) == transition_parts(model)
    assert as_bytes(model, False).replace(b".0 ", b" ").split() == HMM.split()


@pytest.mark.parametrize(
    "old, new, message",
    [
        (b"<Triples> 3", b"<Triples> 2", "expected </Triples>"),
        (b"3 0 2", b"4 0 2", "phone 4 has no topology"),
        (b"3 0 2", b"1 0 2", "phone 1 has no topology"),
        (b"3 0 2", b"3 5 2", "HMM state"),
        (b"3 0 2", b"3 0 -2", "pdf -2"),
        (b"<Transition> 3 1", b"<Transition> 4 1", "a transition to a state that is not there"),
        (b" -1 -2 ]", b" -1 ]", "6 probabilities for 7 transitions"),
        (b" -1 -2 ]", b" -1 2 ]", "a probability outside 0 to 1"),
        (b" -1 -2 ]", b" -1 nan ]", "a probability outside 0 to 1"),
        (b"<State> 1", b"<State> 2", "states out of order"),
        (b"2 3\n</For", b"2 2\n</For", "phone 2: expected a positive number that occurs once"),
        (b"<State> 3 </State>\n", b"", "not there|emitting"),
        (b"</TransitionModel>", b"", "expected a token, found the end"),
    ],
)
def test_bad_transition_model(old, new, message):
    assert HMM.count(old) == 1
    with pytest.raises(DataError, match=f"^x: byte .*({message})"):
        TransitionModel.read(KaldiReader(HMM.replace(old, new), "x"))


@pytest.mark.parametrize(
    "old, new, message",
    [
        (b"<NoOpComponent>", b"<ShoeComponent>", "component f2.noop: type '<ShoeComponent>' is not supported"),
        (b"<BackpropScale>", b"<BackwardScale>", "component f2.noop: NoOpComponent with '<BackwardScale>'"),
        (b"<BlockDim> 8", b"<Dim> 8", "component tdnn1.batchnorm: '<Dim>' stands there twice"),
        (b"input=prefinal-l\n", b"input=prefinal-x\n", "node prefinal.affine: no node 'prefinal-x'"),
        (
            b"input-node name=input dim=4",
            b"input-node name=input dim=5",
            "node lda: input width 18, component lda expects 15",
        ),
        (b"<NumComponents>", b"<NumComponent>", "expected <NumComponents>, found '<NumComponent>'"),
        (b"</Nnet3>", b"</Nnet>", "expected </Nnet3>"),
        (b"<Nnet3>", b"<Nnet2>", "expected <Nnet3>"),
        (b"<TimeOffsets> [ -3 0 ]", b"<TimeOffsets> [ ]", "f2.linear: .*0 time offsets"),
    ],
)
def test_bad_network(old, new, message):
    data = as_bytes(tdnnf_network(), binary=False)
    assert old in data
    with pytest.raises(DataError, match=message) as caught:
        read_nnet(KaldiReader(data.replace(old, new, 1), "bad.raw"))
    assert str(caught.value).startswith("bad.raw: ") and "\n" not in str(caught.value)


def test_raw_where_a_model_is_needed():
    with pytest.raises(DataError, match="x.raw: .*expected <TransitionModel>, found '<Nnet3>'; a .mdl file is needed"):
        read_model(KaldiReader(as_bytes(tdnnf_network()), "x.raw"))


def test_types_of_old_or_unsupported_networks_are_named():
    for kind in ("CompositeComponent", "RestrictedAttentionComponent", "MaxpoolingComponent"):
        assert kind not in SCHEMAS
        data = "<Nnet3> \ninput-node name=i dim=2\noutput-node name=o input=i\n\n<NumComponents> 1 <ComponentName> c "
        data += f"<{kind}> "
        with pytest.raises(DataError, match=f"component c: type '<{kind}>' is not supported"):
            read_nnet(KaldiReader(data.encode(), "x"))


MANGLED = """
import resource, signal, sys, warnings
sys.path.insert(0, sys.argv[1])
import numpy as np, torch
from test_nnet3_files import mutations, try_model
torch.set_num_threads(1)
warnings.simplefilter("error")  # nothing may be printed beside the one error
limit = int(open("/proc/self/statm").read().split()[0]) * 4096 + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
signal.signal(signal.SIGALRM, signal.SIG_DFL)
for number, (label, data) in enumerate(mutations(int(sys.argv[2]))):
    signal.alarm(30)
    print(label, try_model(data), flush=True)
"""


def mutations(count: int):
    """Seeded (label, damaged file) pairs: small models, recurrent ones too, cut off and with bits or bytes changed."""
    rng = random.Random(7)
    models = [acoustic_model(), *(acoustic_model(make()) for make in NETWORKS.values())]
    originals = [as_bytes(model, binary) for model in models for binary in (True, False)]
    for number in range(count):
        data = bytearray(originals[number // 4 % len(originals)])
        kind = ("cut", "bit", "bytes", "number")[number % 4]
        place = rng.randrange(2, len(data) - 8)
        if kind == "cut":
            del data[place:]
        elif kind == "bit":
            data[place] ^= 1 << rng.randrange(8)
        elif kind == "bytes":
            data[place : place + rng.randrange(1, 5)] = rng.randbytes(rng.randrange(1, 9))
        else:  # a size that is huge, negative or zero
            data[place : place + 4] = rng.choice([b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0", b"9999"])
        yield f"{number}:{kind}", bytes(data)


def try_model(data: bytes) -> str:
    """``error`` where reading or computing refused the model as it should, ``valid`` where it went through."""
    from pysed.kaldi.nnet3.evaluate import NnetComputer
    from pysed.kaldi.nnet3.info import nnet_info

    try:
        model = read_model(KaldiReader(data, "damaged.mdl"))
        nnet_info(model.nnet)
        as_bytes(model)
        model.transitions.is_final  # noqa: B018
        ivectors = np.ones((1, 3), np.float32) if model.nnet.input_dim("ivector") else None
        NnetComputer(model.nnet).compute(np.ones((9, 4), np.float32), ivectors)
    except DataError as error:
        return "error" if "\n" not in str(error) else "several lines"
    return "valid"


def test_damaged_models():
    """Every damaged model gives one DataError or is still a valid one, within 30 s and a gigabyte."""
    count = 400
    folder = str(__import__("pathlib").Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", MANGLED, folder, str(count)], capture_output=True, text=True)
    assert done.returncode == 0, f"after {done.stdout[-80:]}: {done.stderr[-2000:]} {signal_name(done.returncode)}"
    outcomes = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert len(outcomes) == count and set(outcomes.values()) <= {"error", "valid"}
    assert {v for k, v in outcomes.items() if k.endswith("cut")} == {"error"}
    assert list(outcomes.values()).count("error") > count / 2


def signal_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else ""


def test_every_truncation_of_a_small_model():
    """At each byte of the first and last thousand, and each 97th between, of both forms."""
    for binary in (True, False):
        data = as_bytes(acoustic_model(), binary)
        # In text, what is left after the last number's first digit is a number, too.
        end = len(data.rstrip()) - (0 if binary else 5)
        for cut in [*range(2, 1000), *range(1000, end - 1000, 97), *range(end - 1000, end)]:
            with pytest.raises(DataError):
                read_model(KaldiReader(data[:cut], "cut"))
