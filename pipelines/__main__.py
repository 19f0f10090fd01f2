"""`scan`, and `python -m pipelines`, which is the same: Ctrl-C is one line from the first import on."""

import signal
import sys

from pipelines import openmp, stopping


def main() -> int:
    """Run the command line; returns the exit code."""
    stopping.end_imports_at_once()
    openmp.sleep_soon()
    try:
        from pipelines import cli

        code = cli.main()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done: nothing is left to interrupt
        return code
    except KeyboardInterrupt:
        print("scan: interrupted", file=sys.stderr)
        return stopping.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
