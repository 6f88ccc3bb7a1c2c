"""One page that shows a whole experiment: results, curves, phones, every test file. Uses ``score``, ``phones`` and
``drawing``; used by stage 8."""
