"""A command of `scan` in this process, and what it said."""

import pytest

from pipelines import cli


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    capsys.readouterr()
    code = cli.main(words)
    streams = capsys.readouterr()
    return code, streams.out, streams.err
