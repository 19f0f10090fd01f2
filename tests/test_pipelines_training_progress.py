"""What is shown of a training where there is no terminal."""

import io
import sys

import pytest

from pipelines import devices
from pipelines.training import progress
from pipelines.training.progress import ProgressDisplay


def test_without_a_terminal_there_are_lines_with_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with ProgressDisplay("vision", 100, 20, quiet=False) as shown:
        for step in range(21, 101):
            now[0] += 1.0
            shown.update(step, {"loss": 1.5})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "vision: step 30 of 100, loss 1.5, about 1 min left"
    assert [line.split(",")[0] for line in lines] == [f"vision: step {n} of 100" for n in (30, 60, 90)]
    with ProgressDisplay("vision", 100, 0, quiet=True) as shown:
        now[0] += 100.0
        shown.update(1, {})
    assert capsys.readouterr().err == ""


def test_lines_that_nobody_reads_end_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with ProgressDisplay("vision", 100, 0, quiet=False) as shown:
        monkeypatch.setattr(sys, "stderr", Closed())
        shown.next = 0.0
        shown.update(1, {})
        assert shown.next > 0


@pytest.mark.parametrize(("load", "running", "busy"), [(9.0, 9, True), (9.0, 1, False), (0.5, 9, False)])
def test_a_machine_is_busy_where_others_use_its_cores_now(
    monkeypatch: pytest.MonkeyPatch, load: float, running: int, busy: bool, tmp_path
) -> None:
    monkeypatch.setattr(devices.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(devices.os, "getloadavg", lambda: (load, load, load))
    (tmp_path / "loadavg").write_text(f"{load} 1 1 {running}/200 7\n")
    monkeypatch.setattr(devices, "LOAD", str(tmp_path / "loadavg"))
    assert bool(devices.busy()) is busy
