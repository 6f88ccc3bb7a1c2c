"""Corpora and recognisers from the network or a folder: downloads that resume, checksums, unpacking. Uses ``corpus``
and ``kaldi.graph``; used by stage 0."""
