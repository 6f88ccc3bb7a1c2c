"""Whether what a stage made still stands for its inputs, options and code: marks beside the outputs say what they were.

Standard library only, so that a decision takes milliseconds; the scripts in ``steps/`` use it through utils/resume.sh.
"""
