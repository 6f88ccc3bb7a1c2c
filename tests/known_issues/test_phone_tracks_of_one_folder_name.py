"""``pysed detect --plot`` with recognisers in two folders of the same name drew the phones of one alone."""

import shutil
from types import SimpleNamespace

from pysed.drawing.detections import phone_tracks
from pysed.features.of_samples import AsrFeatures


def test_every_recogniser_has_its_track(root, tmp_path):
    folders = [tmp_path / name for name in ("a/final", "b/final", "c/other")]
    for folder in folders:
        shutil.copytree(root / "models/demo", folder)
    models = [SimpleNamespace(recogniser=AsrFeatures(folder, "prefinal-l")) for folder in folders]
    tracks = phone_tracks(models)
    assert set(tracks) == {str(folders[0]), str(folders[1]), "other"}
    assert len({id(track) for track in tracks.values()}) == 3
