"""Every picture: spectrograms, events, curves, phones, as matplotlib or SVG figures. May use what it draws (``detect``,
``score``, ``phones``); used by the commands and the report."""
