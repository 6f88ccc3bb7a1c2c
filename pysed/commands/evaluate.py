"""``pysed evaluate``: a trained detector's scores, events and score on a data directory."""

from pysed.commands.options import CommandParser
from pysed.score.evaluate import evaluate_detector
from pysed.score.event_based import summary_line


def main(argv: list[str]) -> int:
    """Run ``pysed evaluate``; returns the exit code."""
    parser = CommandParser(
        prog="pysed evaluate",
        description="Frame scores, events and the score of a trained detector on a data directory.",
    )
    parser.add_argument("--model", required=True, metavar="DIR", help="folder with final.pt")
    parser.add_argument("--data", required=True, metavar="DIR", help="data directory; its name is the subset's")
    parser.add_argument("--event", metavar="NAME", help="refuse a detector of another class")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the scores_, events_, score_ files go")
    values = parser.parse_args(argv)
    print(summary_line(evaluate_detector(values.model, values.data, values.out, values.event)))
    return 0
