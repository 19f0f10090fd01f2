"""Arrays of any library score as numpy's do, and a test part that is not given is drawn."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from metric_data import draw

import vision
from vision.metrics import dci, downstream, explicitness, infomec, irs, mcc, mig, mig_sampled, sap, udr
from vision.metrics.checks import TEST_SHARE

CODES, FACTORS = draw(300)[:2]
ROOT = Path(__file__).resolve().parents[1]


class Frame:
    """A data frame whose library knows nothing of numpy's protocol."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def to_numpy(self) -> np.ndarray:
        return self.values


class Column:
    """Anything with numpy's protocol."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.values, dtype=dtype)


KINDS = {
    "tensor": torch.tensor,
    "tensor with a gradient": lambda v: torch.tensor(v, requires_grad=v.dtype.kind == "f"),
    "frame": Frame,
    "array protocol": Column,
    "list": np.ndarray.tolist,
    "list of rows": list,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_no_numpy_array_scores_as_one(kind: Any) -> None:
    codes, factors = kind(CODES), kind(FACTORS)
    assert mig(codes, factors) == mig(CODES, FACTORS)
    assert irs(codes, factors).score == irs(CODES, FACTORS).score
    assert sap(codes, factors, codes, factors) == sap(CODES, FACTORS, CODES, FACTORS)
    kl = np.arange(4.0)
    np.testing.assert_array_equal(
        udr([codes, codes], [kind(kl), kind(kl)]).scores, udr([CODES, CODES], [kl, kl]).scores
    )


def test_posteriors_that_require_a_gradient_are_detached() -> None:
    mean = torch.tensor([[-9.0], [9.0]] * 3, requires_grad=True)
    result = mig_sampled(mean, 0 * mean, [0, 1] * 3, generator=torch.Generator().manual_seed(0))
    assert result.score == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("column", [FACTORS[:, 0], FACTORS[:, 0].tolist(), torch.tensor(FACTORS[:, 0])])
def test_a_single_factor_needs_no_second_axis(column: Any) -> None:
    one = FACTORS[:, :1]
    assert mig(CODES, column) == mig(CODES, one)
    assert mcc(CODES, column).score == mcc(CODES, one).score
    assert explicitness(CODES, column, CODES, column) == explicitness(CODES, one, CODES, one)


def test_a_test_part_that_is_not_given_is_drawn() -> None:
    order = np.random.default_rng(0).permutation(len(CODES))
    test, fit = np.split(order, [round(TEST_SHARE * len(CODES))])
    parts = CODES[fit], FACTORS[fit], CODES[test], FACTORS[test]
    assert dci(CODES, FACTORS, estimator="lasso")[:4] == dci(*parts, estimator="lasso")[:4]
    assert sap(CODES, FACTORS) == sap(*parts)
    assert explicitness(CODES, FACTORS) == explicitness(*parts)
    assert downstream(CODES, FACTORS, sizes=(50,)).accuracy == downstream(*parts, sizes=(50,)).accuracy
    assert dci(CODES, FACTORS, estimator="lasso", seed=1)[:4] != dci(*parts, estimator="lasso")[:4]
    assert sap(CODES, FACTORS, continuous=True) == sap(*[CODES, FACTORS] * 2, continuous=True)


def python(program: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_metrics_of_arrays_import_no_torch() -> None:
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from vision.metrics import dci\n"
        "assert 'torch' not in sys.modules\n"
        "factors = np.random.default_rng(0).integers(3, size=(90, 2))\n"
        "assert dci(factors.astype(float), factors).disentanglement > 0.9\n"
        "print('torch' in sys.modules, 'mig_sampled' in dir(sys.modules['vision.metrics']))\n"
    )
    assert python(program) == "False True\n"


def test_importing_vision_gives_its_parts() -> None:
    program = (
        "import vision\n"
        "print(vision.objectives.__name__, vision.metrics.dci.__name__, vision.data.__name__)\n"
        "from vision import *\n"
        "print(VAE.__name__, kl.__name__)\n"
    )
    assert python(program) == "vision.objectives dci vision.data\nVAE kl\n"


def test_a_plain_installation_has_what_dci_is_defined_by() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert any(requirement.startswith("numba") for requirement in project["dependencies"])
    assert dci(CODES, FACTORS).estimator == "gradient_boosting"


@pytest.mark.parametrize("package", [vision, vision.metrics])
def test_names_that_are_loaded_late_are_listed_and_others_refused(package: Any) -> None:
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'vae_score'"):
        package.vae_score  # noqa: B018
    assert infomec is vision.metrics.infomec
