"""From source recordings to mixtures: corpus folders, recipes, mixing, the official sets. Uses ``audio`` and
``datadir``; used by stages 0 and 1."""
