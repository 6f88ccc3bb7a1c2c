"""The trained detector: one file is all it takes, and nothing but such a file is taken."""

import shutil

import numpy as np
import pytest
import torch
from small_clips import fit, make_clips, small_config

from pysed.detector.checkpoint import load, load_network, save
from pysed.errors import DataError
from pysed.networks import build_model


@pytest.fixture(scope="module", params=[False, True], ids=["cbrnn", "gradual"])
def trained(request, tmp_path_factory):
    """A folder with nothing but final.pt, and what it was trained with."""
    out = tmp_path_factory.mktemp("trained")
    train, valid = make_clips(6, 1, asr=request.param), make_clips(4, 2, asr=request.param)
    config = small_config(asr=request.param, epochs=2, calibrate=True)
    fit(config, train, valid, "cry", out, 3, {"model": "m", "layer": "l"} if request.param else None)
    alone = tmp_path_factory.mktemp("alone")
    shutil.copy(out / "final.pt", alone)
    return alone, config, valid


def test_the_file_is_all_it_takes(trained, monkeypatch):
    folder, config, valid = trained
    monkeypatch.chdir(folder)  # no conf/, no data beside it
    detector = load_network(folder)
    assert (detector.config, detector.event, detector.seed) == (config, "cry", 3)
    scores = detector.scores_of_clips(valid.features, valid.asr)
    assert scores.shape == valid.labels.shape and scores.dtype == np.float32
    assert not detector.model.training

    content = torch.load(folder / "final.pt", weights_only=True)  # plain types and tensors
    model = build_model(config, 40, 0 if valid.asr is None else valid.asr.shape[2]).eval()
    model.load_state_dict(content["state"])
    streams = [
        None
        if values is None
        else (torch.tensor(values) - content["normalisation"][name]["shift"]) * content["normalisation"][name]["scale"]
        for name, values in (("features", valid.features), ("asr", valid.asr))
    ]
    slope, offset = (content["calibration"][name] for name in ("slope", "offset"))
    with torch.no_grad():
        expected = torch.sigmoid(slope * model(*streams) + offset).numpy()
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    np.testing.assert_allclose(load_network(folder / "final.pt").scores_of_clips(valid.features, valid.asr), scores)


def test_scores_of_clips_of_any_length(trained):
    folder, config, valid = trained
    detector = load_network(folder)
    features = valid.features[0]
    asr = None if valid.asr is None else valid.asr[0]
    for frames, expected in ((60, 30), (41, 21), (1, 1)):
        second = None if asr is None else asr[:expected]
        assert detector.scores(features[:frames], second).shape == (expected,)
    # An odd last frame counts as two: the score is that of the clip with it repeated.
    odd = detector.scores(features[:41], None if asr is None else asr[:21])
    even = detector.scores(np.concatenate((features[:41], features[40:41])), None if asr is None else asr[:21])
    np.testing.assert_array_equal(odd, even)
    with pytest.raises(ValueError, match="takes one stream|takes two streams"):
        detector.scores(features, np.zeros((30, 5)) if asr is None else None)


def test_damaged_files_are_refused(trained, tmp_path):
    whole = (trained[0] / "final.pt").read_bytes()
    for name, content in (
        ("cut.pt", whole[: len(whole) // 2]), ("empty.pt", b""), ("text.pt", b"not a model\n"),
        ("middle.pt", whole[: len(whole) // 2] + b"\0" * 64 + whole[len(whole) // 2 + 64 :][:-400]),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: not a checkpoint"):
            load_network(tmp_path / name)
    with pytest.raises(DataError, match="final.pt: no such file; expected a trained model"):
        load_network(tmp_path)


class Payload:
    """What a hostile file would have run on loading."""

    def __reduce__(self):
        return print, ("this must not run",)


def test_nothing_in_a_file_is_run(tmp_path, capsys):
    torch.save({"format": 2, "config": Payload()}, tmp_path / "final.pt")
    with pytest.raises(DataError, match="not a checkpoint"):
        load_network(tmp_path)
    assert "must not run" not in capsys.readouterr().out


def test_other_formats_are_refused(trained, tmp_path):
    content = load(trained[0] / "final.pt")
    for changed in ({**content, "format": 99}, {"state": content["state"]}, [1, 2]):
        torch.save(changed, tmp_path / "final.pt")
        with pytest.raises(DataError, match="not a checkpoint of this version's format 2; train the model anew"):
            load_network(tmp_path)


def test_saving_is_whole_or_not_at_all(tmp_path):
    save(tmp_path / "a.pt", {"format": 2, "value": 1})
    with pytest.raises(Exception, match="pickle|local"):
        save(tmp_path / "a.pt", {"format": 2, "value": lambda: 0})
    assert load(tmp_path / "a.pt") == {"format": 2, "value": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
