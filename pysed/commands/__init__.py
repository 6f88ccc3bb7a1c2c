"""The subcommands of ``pysed``: each parses its options, calls the library and prints. May use every room; nothing uses
it but ``pysed.cli``."""
