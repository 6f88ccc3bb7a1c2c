"""A trained detector as one self-contained file: the checkpoint, and the network with all that it needs to score
frames. Uses ``networks`` and ``features``; used by training, detection, scoring and the analyses."""
