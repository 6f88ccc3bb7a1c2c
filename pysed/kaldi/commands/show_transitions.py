"""show-transitions: the transition model in readable form."""

import re
import sys

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import read_object
from pysed.kaldi.transitions import TransitionModel, read_transition_model

USAGE = """Print debugging info from transition model, in human-readable form
Usage:  show-transitions <phones-symbol-table> <transition/model-file> [<occs-file>]
e.g.:
 show-transitions phones.txt 1.mdl 1.occs
"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    _, arguments = OptionParser("show-transitions", USAGE).parse(argv, range(2, 4))
    names = read_symbols(arguments[0])
    model = read_transition_model(arguments[1])
    occupancies = None
    if len(arguments) > 2 and arguments[2]:
        occupancies = read_object(arguments[2]).vector()
        if len(occupancies) != model.num_pdfs:
            raise DataError(f"{arguments[2]}: {len(occupancies)} counts; the model has {model.num_pdfs} pdfs")
    try:
        sys.stdout.write(describe(model, names, occupancies))
    except KeyError as error:
        raise DataError(f"{arguments[0]}: no symbol with number {error}, which {arguments[1]} has") from None
    return 0


def read_symbols(rxfilename: str) -> dict[int, str]:
    """A symbol table's names by their numbers. Raises DataError with file and line for what is not one."""
    try:
        lines = read_object(rxfilename).data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{rxfilename}: not a text file; expected lines of a symbol and its number") from None
    names = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or not re.fullmatch("[0-9]{1,10}", words[1]):
            raise DataError(f"{rxfilename}:{number}: {line[:60]!r}; expected a symbol and its number")
        names[int(words[1])] = words[0]
    return names


def describe(model: TransitionModel, names: dict[int, str], occupancies: np.ndarray | None = None) -> str:
    """The text that show-transitions prints; ``occupancies`` (num_pdfs,) are counts to print beside.

    Raises KeyError for a phone without a name.
    """
    lines = []
    probabilities = np.exp(model.log_probs)
    last = 0
    for index in range(1, model.num_transition_ids + 1):
        state = int(model.transition_state[index])
        if state != last:
            phone, hmm_state, forward, self_loop = model.tuples[state - 1].tolist()
            pdfs = f"pdf = {forward}" if model.is_hmm else f"forward-pdf = {forward} self-loop-pdf = {self_loop}"
            lines.append(f"Transition-state {state}: phone = {names[phone]} hmm-state = {hmm_state} {pdfs}")
            last = state
        line = f" Transition-id = {index} p = {probabilities[index]:g}"
        if occupancies is not None:
            line += f" count of pdf = {occupancies[model.pdf[index]]:g}"
        to = "self-loop" if model.is_self_loop[index] else f"{model.hmm_state[index]} -> {model.next_state[index]}"
        lines.append(f"{line} [{to}]")
    return "".join(f"{line}\n" for line in lines)
