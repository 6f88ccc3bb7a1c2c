"""Seeded damage to files: bytes, text, and the values of nested plain objects."""

import random
import re
from collections.abc import Callable
from typing import Any

TOKENS = (
    b"nan", b"-inf", b"1e999", b"-1", b"0", b"1", b"2147483648", b"9" * 30, b"9" * 5000, b"\t", b"\n", b"\r\n", b"\r",
    b" ", b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", "\u2028".encode(), "é".encode(), "\u0663".encode(), b"[", b"]",
    b"{", b"}", b"<", b">", b"*a", b"&a ", b"!!int ", b"!!python/object/apply:os.system ", b"- ", b": ", b"? ",
    b"#", b"|", b"../", b"--", b"'", b'"', b",", b";", b"a" * 5000, b"[" * 100, b"<!--<script>", b"$(id)", b"null",
)  # fmt: skip
SIZES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, 0x1000000)
NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 0.5, -0.0, 1e308, float("nan"), float("inf"), 2**31, 2**63, 10**30, "", "x", "x\ty",
    "a\nb", "nan", "é", "\u2028", "../../x", "/etc/passwd", "1e-3", [], {}, [[]], [None], {"a": 1}, {1: 2}, ["x"] * 3,
)  # fmt: skip


def damaged(rng: random.Random, content: bytes) -> bytes:
    """One to three changes, of bits, bytes, lines, numbers or whole stretches; sometimes many at once."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(_CHANGES)(rng, content)
    return content


def _place(rng: random.Random, content: bytes) -> int:
    """Anywhere, but the head, where formats say what follows, one time in three."""
    return rng.randrange(min(len(content), 64) if rng.random() < 0.33 else len(content)) if content else 0


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 8))):
        if changed:
            changed[_place(rng, content)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: _place(rng, content)]


def _remove(rng: random.Random, content: bytes) -> bytes:
    place = _place(rng, content)
    return content[:place] + content[place + rng.choice((1, 2, 4, 50)) :]


def _repeat(rng: random.Random, content: bytes) -> bytes:
    place, length = _place(rng, content), rng.choice((1, 4, 30, 200))
    return content[:place] + content[place : place + length] * rng.choice((2, 3, 20)) + content[place + length :]


def _insert(rng: random.Random, content: bytes) -> bytes:
    place = _place(rng, content)
    more = rng.choice(TOKENS) if rng.random() < 0.8 else rng.randbytes(rng.choice((1, 4, 16)))
    return content[:place] + more + content[place + rng.choice((0, 0, len(more))) :]


def _size(rng: random.Random, content: bytes) -> bytes:
    place, width = _place(rng, content), rng.choice((1, 2, 4, 8))
    number = rng.choice(SIZES) & ((1 << 8 * width) - 1)
    return content[:place] + number.to_bytes(width, rng.choice(("little", "little", "big"))) + content[place + width :]


def _number(rng: random.Random, content: bytes) -> bytes:
    found = list(NUMBER.finditer(content[:20000]))
    if not found:
        return _insert(rng, content)
    match = rng.choice(found)
    return content[: match.start()] + rng.choice(TOKENS[:13]) + content[match.end() :]


def _lines(rng: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(3)
    if kind == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 1:
        lines.insert(one, lines[other])
    else:
        del lines[one]
    return b"\n".join(lines)


_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip, _flip, _cut, _remove, _repeat, _insert, _insert, _size, _size, _number, _number, _lines,
)  # fmt: skip


def changed_value(rng: random.Random, value: Any, odd: tuple[Any, ...] = ODD) -> Any:
    """A nested plain object with one of its values, at any depth, replaced, removed, repeated or renamed."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return rng.choice(odd)
    if isinstance(value, list):
        items = list(value)
        place = rng.randrange(len(items))
        kind = rng.random()
        if kind < 0.1:
            del items[place]
        elif kind < 0.2:
            items.insert(place, items[place])
        else:
            items[place] = changed_value(rng, items[place], odd)
        return items
    found = dict(value)
    key = rng.choice(list(found))
    kind = rng.random()
    if kind < 0.1:
        del found[key]
    elif kind < 0.2:
        found[rng.choice(("x", "", 1, None, f"{key} "))] = found.pop(key)
    else:
        found[key] = changed_value(rng, found[key], odd)
    return found
