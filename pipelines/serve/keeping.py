"""Taught words of the page in RUN/taught.json, as `scan teach` writes them.

The file is read and written under the run's lock, one word at a time, so that words which another process
taught or removed since the server began stay as that process left them.
"""

from collections.abc import Callable
from pathlib import Path

from pipelines.errors import RunError, UsageError, explain
from pipelines.runs.folder import RunFolder
from scan.taught_file import NAME, load_taught, save_taught
from scan.teaching import TaughtConcept


def keep(run: Path, word: TaughtConcept) -> None:
    """Add a word to those of a run.

    Raises:
        RunError: Where the run is in use or cannot be written, and where it has another word of that name.
    """

    def added(words: dict[str, TaughtConcept]) -> dict[str, TaughtConcept]:
        if word.name in words:
            raise RunError(f'{run / NAME} has another "{word.name}" by now')
        return {**words, word.name: word}

    _change(run, word.q.mean.shape[-1], added)


def remove(run: Path, word: TaughtConcept) -> None:
    """Remove a word from those of a run; nothing happens where it is gone.

    Raises:
        RunError: Where the run is in use or cannot be written.
    """
    _change(
        run,
        word.q.mean.shape[-1],
        lambda words: {name: one for name, one in words.items() if name != word.name},
    )


def _change(
    run: Path, latents: int, change: Callable[[dict[str, TaughtConcept]], dict[str, TaughtConcept]]
) -> None:
    try:
        with RunFolder(run):
            save_taught(run, change(load_taught(run, latents)).values())
    except UsageError as error:
        raise RunError(str(error)) from error
    except OSError as error:
        raise RunError(f"cannot write {run / NAME}: {explain(error)}") from error
