"""TensorBoard's event file: check sums of the specification, and the bytes taken apart again by the wire format."""

import struct

import pytest
from small_clips import fit, make_clips, small_config

from pysed.train import event_file
from pysed.train.records import EVENT_FILE


def records_of(path) -> list[bytes]:
    """The file's records, both check sums of each compared."""
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert data[8:12] == masked(data[:8]) and data[12 + length : 16 + length] == masked(data[12 : 12 + length])
        found.append(data[12 : 12 + length])
        data = data[16 + length :]
    return found


def masked(data: bytes) -> bytes:
    """CRC-32C bit by bit, rotated right by 15 and offset."""
    crc = 0xFFFFFFFF
    for bit in (byte >> place & 1 for byte in data for place in range(8)):
        crc = (crc >> 1) ^ (0x82F63B78 if (crc ^ bit) & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def fields(message: bytes) -> dict[int, list]:
    """Field number -> values of a protocol buffer."""
    found: dict[int, list] = {}
    while message:
        key, message = varint(message)
        if key & 7 == 0:
            value, message = varint(message)
        elif key & 7 == 2:
            length, message = varint(message)
            value, message = message[:length], message[length:]
        else:
            size, code = {1: (8, "<d"), 5: (4, "<f")}[key & 7]
            value, message = struct.unpack(code, message[:size])[0], message[size:]
        found.setdefault(key >> 3, []).append(value)
    return found


def varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for place, byte in enumerate(data):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, data[place + 1 :]
    raise AssertionError("a number without an end")


def test_the_check_sum_is_crc32c():
    assert event_file._masked_crc(b"123456789") == struct.pack(
        "<I", ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
    )


@pytest.mark.parametrize("step", [0, 1, 127, 128, 40500])
def test_events_taken_apart(tmp_path, step):
    path = tmp_path / "events"
    event_file.begin(path)
    event_file.append(path, step, {"loss": 0.25, "f_measure": 1.5})
    version, event = map(fields, records_of(path))
    assert version[3] == [b"brain.Event:2"] and 1.7e9 < version[1][0] <= event[1][0]
    assert event[2] == [step]
    values = [fields(value) for value in fields(event[5][0])[1]]
    assert values == [{1: [b"loss"], 2: [0.25]}, {1: [b"f_measure"], 2: [1.5]}]


def test_a_run_that_is_gone_on_with_has_every_epoch_once(tmp_path):
    def go_on(**options):
        fit(small_config(), make_clips(4, 1), make_clips(4, 2), "cry", tmp_path, 1, **options)

    go_on(stop_after=2)
    go_on()
    assert [fields(record).get(2) for record in records_of(tmp_path / EVENT_FILE)] == [None, [1], [2], [3]]
