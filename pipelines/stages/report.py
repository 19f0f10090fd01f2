"""Report: the pictures, and report.html, one self-contained page of whatever the run has so far."""

from pipelines.config import Config
from pipelines.devices import Machine
from pipelines.report.page import compose
from pipelines.runs.files import write_bytes
from pipelines.runs.folder import RunFolder, StageResult


def run(config: Config, run: RunFolder, machine: Machine) -> StageResult:
    """Draw the figures, write the page."""
    written = compose(config, run, machine)
    write_bytes(run.path / "report.html", written.page.encode())
    machine.say(f"report: {run.path / 'report.html'}")
    return StageResult(("../report.html", *written.files))
