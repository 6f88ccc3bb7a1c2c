"""The one error type for what the user can mend."""


class DataError(ValueError):
    """Bad use or bad data: the message names place, value, expectation and remedy on one line.

    Commands print it to stderr without a traceback and exit 2.
    """
