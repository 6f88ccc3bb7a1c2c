"""Export's tests use the small detector of detection's."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "detect"))
