"""What libsndfile does not read, decoded by ffmpeg where it is installed: m4a, opus in mp4, the sound of a video, ...

ffmpeg runs as a process of its own, without a shell, and writes samples into a pipe, so memory holds a block of them. A
file's name and content are data: the name cannot become an option or an address, and of the formats none is known to
ffmpeg that names further files (playlists), so a file cannot make it read anything else.
"""

import io
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from pysed.errors import DataError

SUFFIXES = (
    ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".aac", ".adts", ".wma", ".wmv", ".asf", ".amr", ".ac3", ".mka",
    ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".flv", ".ogv", ".ra", ".rm", ".ape", ".wv", ".tta", ".mpc",
    ".dsf", ".alac", ".weba",
)  # fmt: skip
_SIGNS = ((0, b"OggS"), (4, b"ftyp"), (0, b"\x1aE\xdf\xa3"), (0, b"0&\xb2u\x8ef\xcf\x11"))  # what has another suffix
_FORMATS = (
    "aac,ac3,eac3,amr,ape,asf,avi,flv,m4v,matroska,webm,mov,mp4,mpc,mpc8,mpeg,mpegts,mpegvideo,ogg,rm,tta,wv,dsf,caf"
)
_OPTIONS = ("-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "file,pipe")
_OUTPUT = ("-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1")
_FLOAT = 6  # of AU's codings


def is_installed() -> bool:
    """Whether there is an ffmpeg."""
    return shutil.which("ffmpeg") is not None


def may_read(path: Path) -> bool:
    """Whether a file that libsndfile refuses is, by its name or its first bytes, of a kind that ffmpeg reads."""
    with open(path, "rb") as stream:
        head = stream.read(16)
    return path.suffix.lower() in SUFFIXES or any(head[at:].startswith(sign) for at, sign in _SIGNS)


class FfmpegSound:
    """A file's first sound track, decoded from start to end; for `Decoder`, as if libsndfile had opened it.

    Raises DataError where there is no sound track that can be read.
    """

    format, subtype, extra_info, frames = "ffmpeg", "FLOAT", "", 0

    def __init__(self, path: Path):
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        command = ["ffmpeg", *_OPTIONS, "-format_whitelist", _FORMATS, "-i", f"file:{path}", *_OUTPUT]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._complaints
        )
        self.fault = ""
        head = self._take(24)
        if head[:4] != b".snd" or len(head) < 24:
            self._end()
            reason = self.fault
            self.close()
            raise DataError(f"{path}: not readable as audio (ffmpeg: {reason}); expected a file with a sound track")
        _, offset, _, coding, self.samplerate, self.channels = struct.unpack(">6I", head)
        assert coding == _FLOAT and self.channels, "ffmpeg was asked for floats"
        self._take(offset - 24)

    def _take(self, count: int) -> bytes:
        """So many bytes, fewer at the end."""
        assert self._process.stdout is not None
        return self._process.stdout.read(count)

    def _end(self) -> None:
        """The process has closed its output: ``fault`` says what it complained about."""
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read(1 << 16).decode(errors="replace").split("\n")
        told = [" ".join(line.rpartition("] ")[2].split()) for line in lines if line.strip()]
        self.fault = told[-1][:200] if told else f"exit code {code}" if code else ""

    def read(self, out: np.ndarray) -> np.ndarray:
        """Fill ``out`` (T, C) as far as the file goes; returns the part that is filled."""
        frame = 4 * self.channels
        data = self._take(len(out) * frame)
        count = len(data) // frame
        out[:count] = np.frombuffer(data, ">f4", count * self.channels).reshape(-1, self.channels)
        if count < len(out):
            self._end()
        return out[:count]

    def seek(self, frames: int) -> int:
        """Raises UnsupportedOperation: the header of such a file does not bind, so it is read forwards alone."""
        raise io.UnsupportedOperation("ffmpeg's output is read forwards")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._complaints.close()
