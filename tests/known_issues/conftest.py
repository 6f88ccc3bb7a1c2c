"""Past faults: their tests use the fixtures' modules of any part of the tests."""

import sys
from pathlib import Path

for folder in ("detect", "fetch", "phones", "report", "train"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / folder))
