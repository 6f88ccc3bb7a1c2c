"""Events in any recording, of any rate, length and format, by trained detectors. Uses ``detector``, ``features`` and
``decision``; used by ``pysed detect``."""
