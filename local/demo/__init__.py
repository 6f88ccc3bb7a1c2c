"""The demo corpus: rare sound events and backgrounds synthesised from physical models and a seed."""
