"""Every file of a Kaldi data directory, read and written in one place: lists, events, alignments (ctm). Uses the event
lists and Kaldi's tables; used by all that reads what stages 1 to 4 wrote."""
