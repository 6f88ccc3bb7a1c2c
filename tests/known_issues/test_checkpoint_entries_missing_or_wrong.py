"""A final.pt with missing or wrong entries ended in KeyError, RuntimeError or TypeError."""

import pickle
import zipfile

import pytest
import torch

from pysed.detector.checkpoint import load_network, save
from pysed.errors import DataError

ENTRIES = (
    "format", "config", "event", "seed", "epoch", "state", "frontend", "normalisation", "t_base", "beta", "max_gap_s",
    "low_ratio", "asr", "scenes", "window_s", "calibration",
)  # fmt: skip
WRONG = ("x\ty", -7.5, float("nan"), [[1]], {"a": {}}, {1: 2}, torch.zeros(3), 2**70, True)
OPTIONAL = {"calibration", "epoch", "low_ratio", "scenes", "window_s"}
WEIGHTS = "classifier.bias"


def config_of(system: str = "cbrnn", **changes) -> dict:
    from pysed.detector.config import config_from_dict

    values = {"system": system, "channels": 8, "temporal_hidden": 8, "gru_hidden": 4, **changes}
    return config_from_dict(values, "test").as_dict()


def good() -> dict:
    """A final checkpoint's content, as training leaves it."""
    from pysed.detector.config import config_from_dict
    from pysed.features.frontend import FrontEnd
    from pysed.networks import build_model

    config = config_of()
    model = build_model(config_from_dict(config, "x"), 40)
    statistics = {"kind": "standard", "shift": torch.zeros(40), "scale": torch.ones(40)}
    return {
        "format": 2, "config": config, "event": "cry", "seed": 1, "epoch": 2, "state": dict(model.state_dict()),
        "frontend": FrontEnd("logmel40").as_dict(), "normalisation": {"features": statistics}, "t_base": 0.5,
        "beta": 0.1, "max_gap_s": None, "low_ratio": 0.6, "asr": None, "scenes": [], "window_s": 30.0,
        "calibration": None,
    }  # fmt: skip


def refusal(tmp_path, content) -> str:
    path = tmp_path / "final.pt"
    save(path, content)
    with pytest.raises(DataError) as error:
        load_network(path)
    message = str(error.value)
    assert str(path) in message and "\n" not in message and len(message) < 600
    return message


@pytest.mark.parametrize("name", ENTRIES)
def test_a_missing_entry_is_named(name, tmp_path):
    content = good()
    del content[name]
    if name in OPTIONAL:
        save(tmp_path / "final.pt", content)
        assert load_network(tmp_path).event == "cry"
    else:
        assert {"format": "format", "normalisation": "unfinished run"}.get(name, f"'{name}'") in refusal(
            tmp_path, content
        )


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_entry_is_named(name, number, tmp_path):
    if number == 1 and name in ("beta", "t_base"):
        pytest.skip("a legal value")
    assert name in refusal(tmp_path, {**good(), name: WRONG[number]})


def test_huge_numbers_and_bytes_are_refused(tmp_path):
    for value in (10**5000, b"x"):
        refusal(tmp_path, {**good(), "seed": value})


def changed_state(change) -> dict:
    content = good()
    change(content["state"])
    return content


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop(WEIGHTS),
        lambda state: state.update({WEIGHTS: torch.zeros(2)}),
        lambda state: state.update({WEIGHTS: torch.full((1,), float("nan"))}),
        lambda state: state.update({WEIGHTS: torch.zeros(1, dtype=torch.float64)}),
        lambda state: state.update({WEIGHTS: torch.zeros(1).expand(10**12)}),
        lambda state: state.update({WEIGHTS: "weights"}),
    ],
)
def test_weights_that_do_not_fit(change, tmp_path):
    message = refusal(tmp_path, changed_state(change))
    assert "state" in message


def test_a_calibration_that_does_not_fit(tmp_path):
    one = {"slope": torch.tensor(2.0), "offset": torch.tensor(-1.0)}
    save(tmp_path / "final.pt", {**good(), "calibration": one})
    assert load_network(tmp_path).model.slope == 2
    for change in (
        {"slope": torch.ones(2)}, {"offset": torch.tensor(float("nan"))}, {"slope": torch.tensor(1)}, {"slope": None},
    ):  # fmt: skip
        assert "calibration" in refusal(tmp_path, {**good(), "calibration": {**one, **change}})
    assert "calibration" in refusal(tmp_path, {**good(), "calibration": {"slope": one["slope"]}})


def test_a_network_too_large_for_its_weights_is_not_built(tmp_path):
    for change in ({"channels": 900_000}, {"gru_layers": 90, "gru_hidden": 100_000}, {"gru_layers": 10**9}):
        refusal(tmp_path, {**good(), "config": {**config_of(), **change}})


def test_statistics_that_do_not_fit(tmp_path):
    for change in (
        {"shift": torch.zeros(39)}, {"scale": torch.full((40,), float("inf"))}, {"kind": "other"}, {"shift": None},
        {"shift": torch.zeros(40, 1)},
    ):  # fmt: skip
        content = good()
        content["normalisation"]["features"].update(change)
        assert "normalisation" in refusal(tmp_path, content)


def test_no_other_file_passes_for_a_checkpoint(tmp_path):
    class Command:
        def __reduce__(self):
            return (print, ("executed",))

    path = tmp_path / "final.pt"
    for content in (b"", b"PK", b"text", pickle.dumps(good(), protocol=2), pickle.dumps(Command())):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a checkpoint"):
            load_network(path)
    for data, options in ((pickle.dumps(Command(), protocol=2), {}), (bytes(10**7), {"compresslevel": 9})):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if options else zipfile.ZIP_STORED, **options) as archive:
            archive.writestr("final/data.pkl", data)
            archive.writestr("final/version", b"3\n")
        with pytest.raises(DataError, match="compressed parts" if options else "it asks for"):
            load_network(path)


def test_models_below_a_folder_are_named(tmp_path):
    (tmp_path / "cry/cbrnn").mkdir(parents=True)
    save(tmp_path / "cry/cbrnn/final.pt", good())
    with pytest.raises(DataError, match=r"no final\.pt in it; models below it: .*cry/cbrnn"):
        load_network(tmp_path)
