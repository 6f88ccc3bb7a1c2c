"""``python -m pysed`` is the ``pysed`` command."""

import sys

from pysed.cli import main

sys.exit(main())
