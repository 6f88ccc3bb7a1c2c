"""Kaldi's commands of the same names, options and exit codes; each module is one command. Uses ``kaldi``; nothing uses
it but ``pysed kaldi``."""
