"""Run every benchmark, or those named: ``python -m pysed.bench [NAME...]``."""

import importlib
import pkgutil
import sys

import pysed.bench


def main(argv: list[str]) -> int:
    """Run the named benchmarks, all by default; returns the exit code."""
    names = sorted(module.name for module in pkgutil.iter_modules(pysed.bench.__path__) if module.name[0] != "_")
    unknown = [name for name in argv if name not in names]
    if unknown:
        print(f"bench: {unknown[0]}: unknown; one of {', '.join(names)}", file=sys.stderr)
        return 2
    for name in argv or names:
        print(f"\n## {name}\n", flush=True)
        importlib.import_module(f"pysed.bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
