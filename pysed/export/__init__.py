"""A detector to be taken elsewhere: a model folder with all that it needs, its card and checksums, or ONNX files. Uses
``detector``, ``features`` and ``score``."""
