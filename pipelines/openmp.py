"""How OpenMP's threads wait for each other; to be said before torch is imported, whose OpenMP then reads it.

The threads of GNU's OpenMP, which torch's wheels for Linux bundle, read memory 300,000 times at every
barrier before they sleep, which takes milliseconds. Where another process has the core of a thread that has
not arrived yet, the others keep the remaining cores busy meanwhile, at every barrier.
"""

import os

SPINS = 1000
"""Reads before a thread sleeps. A step of the visual model of rooms (fp32, two threads on two cores) took
0.19 to 0.24 s with them, beside two other trainings, and 0.33 to 1.06 s with the default; beside a third
busy process 0.23 to 0.28 s, and 2.6 s with the default. On a quiet machine steps of 2 to 5 ms (of symbols and
operators) take a tenth longer, and longer ones as long."""

SAYS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""Variables by which a user decides it."""


def sleep_soon() -> None:
    """Let threads sleep after `SPINS`, unless the environment says how they wait.

    It has no effect once torch is loaded, nor on another OpenMP than GNU's.
    """
    if not any(name in os.environ for name in SAYS):
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)
