"""Measurements with ratios: ``make bench``. Each module's ``main()`` prints one Markdown table. May use every room;
nothing uses it."""
