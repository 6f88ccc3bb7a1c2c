"""Export's tests use the small detector of detection's, and recurrent recognisers."""

import sys
from pathlib import Path

for folder in ("detect", "kaldi/nnet3"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / folder))
