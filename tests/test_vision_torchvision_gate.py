import importlib
import subprocess
import sys
import textwrap

import pytest
import torch

from vision import torchvision_gate
from vision.torchvision_gate import make_grid

# What the ordinary wheel does beside a torch that it was not built for: import parts of itself, then describe
# operators which its compiled part failed to define.
MISFIT = """
from . import utils
import torch

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold):
    return dets

@torch.library.register_fake("torchvision::qnms")
def qnms(dets, scores, iou_threshold):
    return dets
"""


def python(code: str, path) -> subprocess.CompletedProcess:
    code = f"import sys; sys.path.insert(0, {str(path)!r})\n{textwrap.dedent(code)}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def package(path, source: str) -> None:
    (path / "torchvision").mkdir()
    (path / "torchvision" / "__init__.py").write_text(source)
    (path / "torchvision" / "utils.py").write_text("def make_grid(images, **options): return images * 2")


def test_a_wheel_that_does_not_fit_is_repaired_in_silence(tmp_path):
    package(tmp_path, MISFIT)
    done = python("from vision.torchvision_gate import load; load()", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_log_notes_a_repair_once(tmp_path):
    package(tmp_path, MISFIT)
    done = python(
        """
        import logging, torch
        logging.basicConfig(level=logging.INFO)
        try:
            import torchvision
        except RuntimeError as error:
            assert str(error) == "operator torchvision::nms does not exist", error
        else:
            raise AssertionError("the stand-in must fail like the original")
        stale = sys.modules["torchvision.utils"]
        from vision.torchvision_gate import load, make_grid
        assert make_grid(torch.ones(1)).item() == 2
        assert load() is load() is sys.modules["torchvision"]
        assert sys.modules["torchvision"].utils is not stale
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("does not fit torch") == 1


def test_other_failures_are_not_repaired(tmp_path):
    package(tmp_path, "raise RuntimeError('operator torchvision::roi_align does not exist')")
    done = python("from vision.torchvision_gate import load\nload()", tmp_path)
    assert "RuntimeError: operator torchvision::roi_align does not exist" in done.stderr
    assert "does not fit torch" not in done.stderr


def test_its_absence_is_told_with_the_remedy(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ImportError, match="torchvision is not installed: pip install"):
        torchvision_gate.load.__wrapped__()


def test_importing_vision_does_not_import_torchvision(tmp_path):
    code = """
    import vision, vision.data, vision.models, vision.objectives, vision.weights, vision.torchvision_gate
    assert not [name for name in sys.modules if name.startswith("torchvision")]
    """
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_grid_reads_like_a_page():
    images = torch.arange(1, 4, dtype=torch.uint8)[:, None, None, None].expand(3, 1, 2, 2)
    grid = make_grid(images, columns=2, padding=1, background=9)
    row = [[9, 1, 1, 9, 2, 2, 9]] * 2
    rest = [[9, 3, 3, 9, 9, 9, 9]] * 2
    line = [[9] * 7]
    assert grid.dtype == torch.uint8
    assert grid.tolist() == [line + row + line + rest + line] * 3
