"""``pysed results``: gather every score of a corpus into its ``RESULTS.md`` and print it."""

from pysed.commands.options import CommandParser
from pysed.score.results import write_results
from pysed.score.summary import brief


def main(argv: list[str]) -> int:
    """Run ``pysed results``; returns the exit code."""
    parser = CommandParser(
        prog="pysed results", description="Gather every score of a corpus into its RESULTS.md and print it."
    )
    parser.add_argument("corpus", metavar="exp/CORPUS", help="a corpus's results, with stage 6 done")
    parser.add_argument(
        "--brief", action="store_true", help="print the small table and what to make of it, not all of RESULTS.md"
    )
    values = parser.parse_args(argv)
    text = write_results(values.corpus)
    print(brief(values.corpus) if values.brief else text, end="")
    return 0
