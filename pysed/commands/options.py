"""What the commands' options share: bad use is one line, as bad data is."""

import argparse
from typing import NoReturn

from pysed.errors import DataError
from pysed.names import check_class_name


class CommandParser(argparse.ArgumentParser):
    """A parser of options whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise DataError instead of printing the usage."""
        raise DataError(f"{self.prog}: {message}; see {self.prog} --help")


def split_events(text: str) -> list[str]:
    """The classes of ``--events A,B,...``; DataError unless they are different names of classes."""
    events = text.split(",")
    if "" in events or len(set(events)) < len(events):
        raise DataError(f"pysed phones: --events {text}: expected different names, joined by commas")
    return [check_class_name(event, "pysed phones: --events") for event in events]
