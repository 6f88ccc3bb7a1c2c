"""``pysed results``: gather every score of a corpus into its ``RESULTS.md`` and print it."""

from pysed.commands.options import CommandParser
from pysed.score.results import write_results


def main(argv: list[str]) -> int:
    """Run ``pysed results``; returns the exit code."""
    parser = CommandParser(
        prog="pysed results", description="Gather every score of a corpus into its RESULTS.md and print it."
    )
    parser.add_argument("corpus", metavar="exp/CORPUS")
    values = parser.parse_args(argv)
    print(write_results(values.corpus), end="")
    return 0
