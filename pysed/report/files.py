"""The page's test files: what of each lies in the page and, where there is no room, beside it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from tqdm import tqdm

from pysed.atomic import atomic_open
from pysed.drawing.spectrogram import phone_label
from pysed.errors import DataError
from pysed.names import inside
from pysed.report import media
from pysed.report.content import Recording, read_spectrograms
from pysed.report.filled import as_json

FOLDER = "index_files"
_DETAIL_SHARE = 0.4  # of the room; audio takes the rest


class TestFiles:
    """Test files as the page's script reads them.

    ``content``: for each a summary and the addresses of what lies beside; ``phones``: (name, label, whether speech) of
    the phones that files number; ``faults``: why some have no sound. They are complete after ``fill``. Raises DataError
    for a recording whose name leads out of the report's folder.
    """

    __test__ = False  # no test, whatever pytest thinks of the name

    def __init__(self, recordings: list[Recording], out: Path):
        for one in recordings:
            inside(out / FOLDER, f"{one.event}/{one.subset}/{one.name}", f"{one.event}/{one.subset}: recording")
        self._recordings, self._out = recordings, out
        self._order = media.by_need(recordings)
        self.content = [
            {**media.summary(one), "beside": _address(one, ".js"), "audio": _address(one, media.AUDIO_SUFFIX)}
            for one in recordings
        ]
        self.phones: list[tuple[str, str, bool]] = []
        self.faults: list[str] = []

    def fill(self, data: Path, room: int) -> list[str]:
        """Put pictures, scores, phones and audio into the files, ``room`` bytes at most, and the rest beside the page.

        Returns what lies beside, in words.
        """
        room, pictures = self._add_details(data, room)
        sounds = self._add_audio(room)
        return [
            f"{what} of {number} of {len(self.content)} files"
            for what, number in (("the picture, scores and phones", pictures), ("the audio", sounds))
            if number
        ]

    def _add_details(self, data: Path, room: int) -> tuple[int, int]:
        """Returns the room that is left, and the number of files whose detail lies beside."""
        spectrogram = read_spectrograms(data, self._recordings)
        numbers: dict[str, int] = {}
        share, beside = int(_DETAIL_SHARE * max(room, 0)), 0
        for index in self._order:
            one = self._recordings[index]
            detail = media.detail(one, spectrogram(one), lambda phone: numbers.setdefault(phone, len(numbers)))
            text = as_json(detail)
            if len(text) <= share:
                self.content[index]["detail"] = detail
                del self.content[index]["beside"]
                share, room = share - len(text), room - len(text)
            else:
                self._write(one, ".js", f"detail({index},{text});\n".encode())
                beside += 1
        self.phones += [(name, *phone_label(name)) for name in numbers]
        return room, beside

    def _add_audio(self, room: int) -> int:
        """Returns the number of files whose audio lies beside."""
        beside = 0
        with ThreadPoolExecutor() as pool:
            encoded = pool.map(_encoded, (self._recordings[index] for index in self._order))
            progress = tqdm(encoded, "report", len(self._order), leave=False, disable=None, unit="file")
            for index, sound in zip(self._order, progress, strict=True):
                if isinstance(sound, str):
                    self.faults.append(sound)
                    self.content[index]["audio"] = None
                    continue
                uri = media.data_uri(media.AUDIO_TYPE, sound)
                if len(uri) <= room:
                    room -= len(uri)
                    self.content[index]["audio"] = uri
                else:
                    self._write(self._recordings[index], media.AUDIO_SUFFIX, sound)
                    beside += 1
        return beside

    def _write(self, recording: Recording, suffix: str, content: bytes) -> None:
        with atomic_open(self._out / _name(recording, suffix), "wb") as stream:
            stream.write(content)


def _encoded(recording: Recording) -> bytes | str:
    """The sound, or why there is none."""
    try:
        return media.encode_audio(recording)
    except DataError as error:
        return str(error)


def _name(recording: Recording, suffix: str) -> str:
    return f"{FOLDER}/{recording.event}/{recording.subset}/{recording.name}{suffix}"


def _address(recording: Recording, suffix: str) -> str:
    return quote(_name(recording, suffix))
