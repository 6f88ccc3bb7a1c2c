"""Kaldi's commands and file formats without Kaldi."""
