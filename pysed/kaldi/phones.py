"""Phones with their times: alignments cut into phones, and phone numbers turned into names.

``python -m pysed.kaldi.phones [--no-position] INTEGER_CTM PHONES_TXT CTM`` writes the ctm with names.
Source: Kaldi ``src/hmm/hmm-utils.cc`` (SplitToPhones); ``utils/int2sym.pl``.
"""

import re
import sys
from collections.abc import Iterable, Iterator

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.tables import open_input, open_output
from pysed.kaldi.transitions import TransitionModel

_POSITION = re.compile(r"_[BEIS]\Z")
_NO_PHONE = re.compile(r"<eps>|#[0-9]+")
_USAGE = "usage: python -m pysed.kaldi.phones [--no-position] INTEGER_CTM PHONES_TXT CTM"


def split_to_phones(transitions: TransitionModel, alignment: np.ndarray) -> list[tuple[int, int]]:
    """(phone, number of frames) of each phone in ``alignment`` (T,), transition-ids.

    A phone ends with its transition to the final state, in a reordered model (as decoding graphs have) with the
    self-loops after that. Raises DataError for a transition-id that the model lacks and for self-loops of
    another state.
    """
    alignment = np.asarray(alignment)
    if len(alignment) == 0:
        return []
    if alignment.min() < 1 or alignment.max() > transitions.num_transition_ids:
        wrong = alignment.min() if alignment.min() < 1 else alignment.max()
        raise DataError(f"transition-id {wrong}; the model has 1 to {transitions.num_transition_ids}: another model's?")
    states = transitions.transition_state[alignment].tolist()
    phones = transitions.phone[alignment].tolist()
    loops = transitions.is_self_loop[alignment].tolist()
    finals = transitions.is_final[alignment].tolist()
    reordered = _is_reordered(states, loops)
    size = len(states)
    parts = []
    begin = t = 0
    while t < size:
        ends = finals[t]
        if ends and reordered:
            while t + 1 < size and loops[t + 1]:
                if states[t + 1] != states[t]:
                    raise DataError(f"frame {t + 1}: a self-loop of another state; not an alignment of this model")
                t += 1
        elif not ends:
            ends = t + 1 == size or phones[t + 1] != phones[t]
        t += 1
        if ends:
            parts.append((phones[begin], t - begin))
            begin = t
    return parts


def _is_reordered(states: list[int], loops: list[bool]) -> bool:
    """Whether self-loops come after the transition that leaves the state."""
    for t in range(len(states) - 1):
        if states[t] != states[t + 1]:
            if loops[t] and loops[t + 1]:
                raise DataError(f"frame {t + 1}: a self-loop after another state's; not an alignment of this model")
            if loops[t] or loops[t + 1]:
                return loops[t]
    return not loops[0] and loops[-1]


def without_position(phone: str) -> str:
    """A phone's name without Kaldi's word position: ``AH0_B`` → ``AH0``."""
    return _POSITION.sub("", phone)


def read_symbols(path: str) -> dict[int, str]:
    """number → name of a symbol table (phones.txt, words.txt). Raises DataError with the line at fault."""
    symbols: dict[int, str] = {}
    for number, words in _lines(path):
        if len(words) != 2 or not re.fullmatch("[0-9]{1,10}", words[1]):
            raise DataError(f"{path}:{number}: {' '.join(words)[:60]!r}; expected 'symbol number'")
        if int(words[1]) in symbols:
            raise DataError(f"{path}:{number}: number {words[1]} stands for {symbols[int(words[1])]} already")
        symbols[int(words[1])] = words[0]
    if not symbols:
        raise DataError(f"{path}: no symbols; expected lines 'symbol number'")
    return symbols


def _lines(path: str) -> Iterator[tuple[int, list[str]]]:
    """(number, words) of the lines that are not blank."""
    with open_input(path) as source:
        number = 0
        while source.peek():
            number += 1
            raw = source.line()
            try:
                words = raw.decode("utf-8").split()
            except UnicodeDecodeError:
                raise DataError(f"{path}:{number}: not text") from None
            if words:
                yield number, words


def read_phones(path: str, transitions: TransitionModel) -> dict[int, str]:
    """Names of the model's phones. Raises DataError for a table that has none, or no phone's, for one of them."""
    symbols = read_symbols(path)
    for phone in sorted(set(transitions.phone[1:].tolist())):
        _phone_name(symbols, phone, path)
    return symbols


def _phone_name(symbols: dict[int, str], phone: int, place: str) -> str:
    name = symbols.get(phone)
    if name is None or _NO_PHONE.fullmatch(name):
        said = "is not in the symbol table" if name is None else f"is {name} in the symbol table"
        raise DataError(f"{place}: phone {phone} {said}; expected the name of a phone: the table is another model's")
    return name


def named_ctm(path: str, symbols: dict[int, str], position: bool = True) -> Iterator[str]:
    """The lines of an integer ctm (``utterance channel start duration phone``) with the phone's name.

    With ``position=False`` without the word position. Raises DataError with the line at fault.
    """
    for number, words in _lines(path):
        if len(words) not in (5, 6):
            raise DataError(f"{path}:{number}: {len(words)} columns; expected 'utterance channel start duration phone'")
        if not re.fullmatch("[0-9]{1,10}", words[4]):
            raise DataError(f"{path}:{number}: phone {words[4][:20]!r}; expected its number")
        name = _phone_name(symbols, int(words[4]), f"{path}:{number}")
        words[4] = name if position else without_position(name)
        yield " ".join(words)


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Write lines to a file, which appears complete or not at all."""
    with open_output(path) as sink:
        for line in lines:
            sink.write(f"{line}\n".encode())


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    position = "--no-position" not in argv
    paths = [word for word in argv if word != "--no-position"]
    if "--help" in argv or "-h" in argv:
        print(_USAGE)
        return 0
    if len(paths) != 3 or any(word.startswith("--") for word in paths):
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        write_lines(paths[2], named_ctm(paths[0], read_symbols(paths[1]), position))
    except (DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
