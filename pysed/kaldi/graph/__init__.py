"""Decoding graphs from a model's own tree and topology, a lexicon and a grammar."""
