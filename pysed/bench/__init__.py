"""Measurements with ratios: ``make bench``. Each module's ``main()`` prints one Markdown table."""
