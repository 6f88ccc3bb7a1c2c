"""Labels and data directories, worked by hand."""

import numpy as np
import pytest
from small_clips import make_clips, small_config, write_data_dir

from pysed.datadir.lists import read_split
from pysed.errors import DataError
from pysed.train.data import frame_labels, load_clips, read_onsets


@pytest.mark.parametrize(
    "event,active",
    [
        (None, []),
        ((0.24, 0.62), [2, 3, 4, 5]),  # 60 ms of frame 2, 20 ms of frame 6
        ((0.26, 0.66), [3, 4, 5, 6]),  # 40 ms of frame 2, 60 ms of frame 6
        ((0.0, 3.0), range(30)),
        ((0.31, 0.33), [3]),  # covers half of none: the frame it is in
        ((0.28, 0.33), [3]),  # 20 ms of frame 2, 30 ms of frame 3
        ((2.97, 3.5), [29]),  # goes on after the clip
        ((0.3, 0.4), [3]),
    ],
)
def test_frame_labels(event, active):
    labels = frame_labels(event, 30)
    assert labels.dtype == np.float32
    assert np.flatnonzero(labels).tolist() == list(active) and set(labels) <= {0.0, 1.0}


def test_clips_of_a_data_directory(tmp_path):
    train, valid = make_clips(6, 1), make_clips(4, 2)
    folder = write_data_dir(tmp_path / "d", train, valid)
    split = read_split(folder)
    assert split == {"train": train.names, "valid": valid.names}
    backwards = split["valid"][::-1]
    clips = load_clips(folder, backwards, "cry", small_config())
    assert clips.names == backwards
    np.testing.assert_array_equal(clips.features, valid.features[::-1])
    np.testing.assert_array_equal(clips.labels, valid.labels[::-1])
    np.testing.assert_array_equal(clips.onset_s, valid.onset_s[::-1])
    assert np.isnan(load_clips(folder, backwards, "shot", small_config()).onset_s).all()  # another class's events


def test_damaged_data_directories(tmp_path):
    from pysed.kaldi.tables import TableWriter

    folder = write_data_dir(tmp_path / "d", make_clips(2, 1), make_clips(2, 2))
    names = read_split(folder)["train"]
    events = folder / "events.tsv"
    good = events.read_text()
    for line, words in (
        (f"{names[0]}\t0.1\t0.2\n", "events.tsv:3: 3 fields; expected filename"),
        (f"{names[1]}\tsoon\t0.2\tcry\n", "events.tsv:3: onset 'soon'; expected seconds"),
        (f"{names[0]}\t0.1\t0.2\tcry\n", f"events.tsv:3: a second cry in {names[0]}"),
    ):
        events.write_text(good + line)
        with pytest.raises(DataError, match=words):
            read_onsets(folder, "cry")
    events.write_text(good)
    with pytest.raises(DataError, match="no utterance clip9, which utt2split names"):
        load_clips(folder, ["clip9"], "cry", small_config())
    with pytest.raises(DataError, match=r"prefinal.scp: no such file"):
        load_clips(folder, names, "cry", small_config(asr=True))
    for content, words in (
        ("clip0 test\n", "utt2split: clip0: 'test'; expected train or valid"),
        ("clip0\n", "utt2split:1: 'clip0'; expected an utterance and train or valid"),
        ("clip0 train\n", "no valid utterance"),
    ):
        (folder / "utt2split").write_text(content)
        with pytest.raises(DataError, match=words):
            read_split(folder)
    (folder / "utt2split").unlink()
    with pytest.raises(DataError, match="utt2split: no such file; .* run the stages before"):
        read_split(folder)
    for matrices, words in (
        ([np.zeros((4, 40)), np.zeros((6, 40))], "expected equal clips"),
        ([np.zeros((5, 40)), np.zeros((5, 40))], "5 frames a clip; expected a multiple of 2"),
        ([np.zeros((4, 40)), np.full((4, 40), np.nan)], f"{names[1]}: values that are not finite"),
    ):
        with TableWriter(f"ark,scp:{folder}/g.ark,{folder}/feats_logmel40.scp", "matrix") as table:
            for name, matrix in zip(names, matrices, strict=True):
                table.write(name, matrix.astype(np.float32))
        with pytest.raises(DataError, match=words):
            load_clips(folder, names, "cry", small_config())
