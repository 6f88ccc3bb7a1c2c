"""Decoding graphs made from a model's own tree and topology."""
