"""Kaldi's commands and file formats without Kaldi. Uses no other room but the foundation; used by features, data
directories and fetching."""
