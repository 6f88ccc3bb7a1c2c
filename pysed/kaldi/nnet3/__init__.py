"""Kaldi's nnet3 networks: read, planned, evaluated in chunks, written. Uses Kaldi's file formats; used by the commands
and by ``features``."""
