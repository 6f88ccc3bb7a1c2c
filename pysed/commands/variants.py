"""``pysed variants``: systems with values of their configuration changed, each a YAML of its own."""

from pathlib import Path

from pysed.commands.options import CommandParser
from pysed.commands.train import load_frontend_values


def main(argv: list[str]) -> int:
    """Run ``pysed variants``; returns the exit code."""
    parser = CommandParser(
        prog="pysed variants",
        description="Write systems with values of their configuration changed; prints their names, one a line.",
        epilog="Example: pysed variants --set epochs=3 --into exp/demo/.systems conf/systems/gradual.yaml",
    )
    parser.add_argument("systems", nargs="+", metavar="YAML", help="configurations, conf/systems/*.yaml")
    parser.add_argument("--set", action="append", required=True, metavar="KEY=VALUE", help="change one key")
    parser.add_argument("--into", required=True, type=Path, metavar="DIR", help="where the changed configurations go")
    values = parser.parse_args(argv)

    from pysed.detector.config import load_config, parse_changes
    from pysed.detector.variants import write_variant

    changes = parse_changes(values.set)
    for path in values.systems:  # all are right before one is written
        load_frontend_values(load_config(path, changes).frontend, Path(path))
    for path in values.systems:
        print(write_variant(path, changes, values.into))
    return 0
