"""Sound from a microphone, by the package sounddevice, which needs the library PortAudio."""

import queue
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import numpy as np

from pysed.errors import DISTRIBUTION, DataError, warn_once

_BLOCK_S = 0.1
_MOST_BLOCKS = 600  # that wait while a window is scored: a minute
_WAIT_S = 10.0  # without any sound, after which a device is taken to be gone
_REMEDY = f"pip install '{DISTRIBUTION}[live]'"


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise DataError(f"--microphone: the package sounddevice is not installed; {_REMEDY}") from None
    except OSError:
        raise DataError(
            f"--microphone: sounddevice is here, but not the library PortAudio; {_REMEDY}, and on Debian "
            "apt install libportaudio2"
        ) from None
    return sounddevice


def list_microphones() -> str:
    """A line for each device that records: number, name, channels and rate; the default is marked."""
    sounddevice = _sounddevice()
    default = sounddevice.default.device[0]
    lines = [
        f"{'*' if number == default else ' '} {number:3d}  {each['name']}, {each['max_input_channels']} channels, "
        f"{each['default_samplerate']:.0f} Hz\n"
        for number, each in enumerate(sounddevice.query_devices())
        if each["max_input_channels"] > 0
    ]
    return "".join(lines) or "no microphone is there\n"


class Microphone:
    """Samples (T,) in [-1, 1] of a device, the mean of its channels: iterate for them; use it as a context.

    ``device``: its number, a part of its name, or "" for the default; ``rate_hz``: None for the device's own. Sound
    waits in a queue while the one before it is worked on, so that none is lost. Raises DataError for a device that is
    not there or stops.
    """

    def __init__(self, device: str = "", rate_hz: int | None = None, channels: int = 1):
        self._sounddevice = _sounddevice()
        self._name = f"--microphone {device}".strip()
        self._is_stopped = False
        self._blocks: queue.Queue[np.ndarray | None] = queue.Queue(_MOST_BLOCKS)
        key: int | str | None = int(device) if device.isascii() and device.isdecimal() else device or None
        try:
            info = self._sounddevice.query_devices(key, "input")
            self.rate_hz = round(info["default_samplerate"]) if rate_hz is None else rate_hz
            self._stream = self._sounddevice.InputStream(
                samplerate=self.rate_hz,
                blocksize=max(1, round(_BLOCK_S * self.rate_hz)),
                device=key,
                channels=channels,
                dtype="float32",
                callback=self._take,
                finished_callback=self._wake,
            )
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise DataError(
                f"{self._name}: {error}; expected one of pysed listen --list-microphones, and a rate and number of "
                "channels that it has"
            ) from None

    def _take(self, data: np.ndarray, num_frames: int, time: Any, status: Any) -> None:
        """Called by PortAudio's thread with samples (T, C), which are its own."""
        if self._is_stopped:
            return
        if status.input_overflow:
            warn_once(f"{self._name}: the device lost sound; times from here on are early")
        try:
            self._blocks.put_nowait(data.mean(axis=1))
        except queue.Full:
            warn_once(
                f"{self._name}: sound is lost, as scoring takes longer than the sound; times from here on are early; "
                "give --step a larger value"
            )

    def _wake(self) -> None:
        with suppress(queue.Full):  # then the wait for more ends in time
            self._blocks.put_nowait(None)

    def stop(self) -> None:
        """End the sound after what has been heard so far; for a signal's handler or another thread."""
        self._is_stopped = True
        self._wake()

    def __enter__(self) -> Self:
        try:
            self._stream.start()
        except self._sounddevice.PortAudioError as error:
            raise DataError(f"{self._name}: {error}; expected a device that nobody else uses") from None
        return self

    def __exit__(self, kind: type | None, value: object, trace: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            block = None
            with suppress(queue.Empty):
                block = self._blocks.get(timeout=_WAIT_S)
            if block is not None:
                yield block
            elif self._is_stopped:
                return
            else:
                raise DataError(f"{self._name}: the device gives no more sound; connect it, and start again")
