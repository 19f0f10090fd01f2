"""Compiled functions whose machine code is cached on disk where that is possible.

numba looks for a writable folder when the function is defined, and raises where there is none (installed
read-only and without a home). It also raises where the disk is full, or a cached file is truncated. Here the
function is compiled again in these cases.
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
    """A decorator that compiles a function on its first call; its divisions by zero give inf or nan, as
    numpy's.

    Args:
        nogil: Whether the function releases the global interpreter lock.
    """

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
