"""Which speech patterns the decisions of a trained detector rest on: attribution, n-grams, errors mended. Uses
``detector`` and ``score``; used by stage 7 and the report."""
