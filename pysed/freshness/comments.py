"""Code without what changes nothing: comments, empty lines, white space."""

import re


def without_shell_comments(text: str) -> str:
    """A shell script's lines without comments and empty lines; a '#' in quotes or within a word stays."""
    kept, quote, previous, index = [], "", "\n", 0
    while index < len(text):
        char = text[index]
        if char == "\\" and quote != "'":
            kept.append(text[index : index + 2])
            previous, index = "\\", index + 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and previous in " \t\n;":
            end = text.find("\n", index)
            index = len(text) if end < 0 else end
            continue
        kept.append(char)
        previous, index = char, index + 1
    return "\n".join(line.rstrip() for line in "".join(kept).splitlines() if line.strip())


def without_c_comments(text: str) -> str:
    """C or JavaScript without comments, white space made one."""
    bare = re.sub(r'("(?:\\.|[^"\\\n])*")|/\*.*?\*/|//[^\n]*', lambda found: found[1] or " ", text, flags=re.DOTALL)
    return " ".join(bare.split())
