"""One page that shows a whole experiment: results, curves, phones, every test file; and the page that detections are
reviewed on. Uses ``score``, ``phones``, ``detect`` and ``drawing``; used by stage 8 and ``pysed review``."""
