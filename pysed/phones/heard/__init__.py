"""Phones inside the events of each class, beside those of recordings without an event: counts, tests, tables. Uses
``datadir`` and ``corpus``; used by stage 7 and the report."""
