"""How a command is told to stop: Ctrl-C, SIGTERM, and SIGHUP when its terminal goes away.

Under nohup SIGHUP stays ignored, and a background job of a script ignores Ctrl-C; Windows knows no SIGHUP.
This module is the first import of the command line, so it imports little.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

STOPPING = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
"""What tells a process to stop, besides Ctrl-C."""

INTERRUPTED = 130
"""The exit code of a command that was told to stop."""

STDERR = 2


def end_imports_at_once() -> None:
    """From now on, let Ctrl-C end the process with one line while a module is imported.

    Elsewhere it raises `KeyboardInterrupt`, as always. Some imports swallow that, or turn it into errors of
    their own, and nothing is lost by ending there: no file is written by an import.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            with suppress(OSError):  # nobody may be reading any more
                os.write(STDERR, b"scan: interrupted\n")
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


@contextmanager
def like_interrupt() -> Iterator[None]:
    """Let the signals to stop end what runs here as Ctrl-C does, by `KeyboardInterrupt`."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    numbers = [number for number in STOPPING if before[number] != signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])


@contextmanager
def noted() -> Iterator[Callable[[], bool]]:
    """Turn the first signal to stop into a flag, which is handed out; a second one acts as it always did."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # only the main thread may set handlers
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *STOPPING)}
    numbers = [number for number in before if number == signal.SIGINT or before[number] != signal.SIG_IGN]
    caught: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in numbers:
        signal.signal(number, note)
    try:
        yield lambda: bool(caught)
    finally:
        for number in numbers:
            signal.signal(number, before[number])
