"""Compiled functions whose machine code is kept on disk where that is possible.

numba looks for a folder to write to when the function is defined, and raises where it finds none: installed
read-only and without a home. It also raises where the disk is full when it writes, or where what it reads
back was cut short. None of that concerns whoever calls the function: it is compiled again.
"""

from collections.abc import Callable
from typing import Any

from numba import njit


class _Optional:
    """One of numba's caches for a function, of which a failure means that there is nothing in it."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache
        self.cache_path = cache.cache_path

    def load_overload(self, signature: Any, target: Any) -> Any:
        try:
            return self.cache.load_overload(signature, target)
        except Exception:  # what a damaged file raises depends on where it is damaged
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        try:
            self.cache.save_overload(signature, result)
        except Exception:  # a full disk; a damaged index, which is read first
            return

    def flush(self) -> None:
        self.cache.flush()


def compiled(*, nogil: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function on its first call; it divides as numpy does. `nogil` lets other threads run, too."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        dispatcher: Any = njit(error_model="numpy", nogil=nogil)(function)
        if dispatcher is function:  # NUMBA_DISABLE_JIT
            return function
        try:
            dispatcher.enable_caching()
        except (RuntimeError, OSError):  # no folder can be written to: compiled anew in each process
            return dispatcher
        dispatcher._cache = _Optional(dispatcher._cache)
        return dispatcher

    return decorate
