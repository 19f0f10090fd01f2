"""What the command line can say in one line, and the exit code that goes with it.

0 fine, 1 a run that failed, 2 a wrong request, 130 interrupted after a checkpoint.
"""


class UsageError(Exception):
    """The request is wrong (config, command line, a path that is not there): exit code 2."""


class RunError(Exception):
    """The request is right but the run cannot go on: exit code 1."""


class InterruptedRun(Exception):
    """Stopped by SIGINT or SIGTERM after a checkpoint; the same command goes on: exit code 130."""
