"""The C sources, their compilation on first use, and the calls of them from numpy and torch.

Imports no other room. ``networks`` has its compiled layers from here, ``kaldi`` the loops of i-vector extraction; both
keep a plain form beside them, for where there is no compiler.
"""
