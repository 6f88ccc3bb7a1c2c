"""A grammar of phones alone: any sequence of words of any phones, between them silence or nothing.

Where phones carry word positions, a word is ``B I* E`` or ``S``; phones without (SIL, SPN) stand between words. All
phones that may follow another are equally likely.
"""

from math import log
from typing import Any

from pysed.errors import DataError
from pysed.kaldi.phones import without_position
from pysed.kaldi.transitions import TransitionModel


def positions(symbols: dict[int, str], transitions: TransitionModel) -> dict[int, str]:
    """The phones of a symbol table that the model knows: number → word position (B, I, E, S, or nothing).

    Of a phone that occurs without a position too, as silence does, the forms inside words are left out.
    """
    bare = {name for name in symbols.values() if without_position(name) == name}
    found = {}
    for number, name in symbols.items():
        if not 0 < number < len(transitions.phone_to_entry) or transitions.phone_to_entry[number] < 0:
            continue
        base = without_position(name)
        position = name[-1] if base != name else ""
        if position in ("", "S") or base not in bare:
            found[number] = position
    if not found:
        raise DataError("no phone of phones.txt is in the model; expected the phones.txt of the same model")
    return found


def phone_loop(phones: dict[int, str]) -> Any:
    """The grammar of phones with their word positions (StdVectorFst), at least one phone long; outputs are phones."""
    import kaldifst

    fst = kaldifst.StdVectorFst()
    begin, between, inside = (fst.add_state() for _ in range(3))
    fst.start = begin
    fst.set_final(between, 0.0)
    for state in (begin, between, inside):
        followers = [phone for phone, position in phones.items() if (position in ("I", "E")) == (state == inside)]
        for phone in followers:
            target = inside if phones[phone] in ("B", "I") else between
            fst.add_arc(state, kaldifst.StdArc(phone, phone, log(len(followers)), target))
    return fst
