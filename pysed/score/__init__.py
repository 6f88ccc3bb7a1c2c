"""The task's metrics of a system's output (sed_eval, PSDS), resampling, and the tables of results. Uses ``decision``
and ``detector``; used by stage 6, the phone analyses and the report."""
