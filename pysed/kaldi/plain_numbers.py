"""Numbers in texts as Kaldi takes them: Python's own int() and float() take 1_0 and digits of other scripts, too."""


def plain(text: str | bytes) -> str:
    """The text of one number or several, for int() and float(); ValueError for what these would take and Kaldi not."""
    text = text.decode() if isinstance(text, bytes) else text
    if "_" in text or not text.isascii():
        raise ValueError(f"{text[:40]!r} is no number")
    return text
