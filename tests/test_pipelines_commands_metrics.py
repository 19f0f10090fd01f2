"""`scan metrics`: ceilings, what is printed, errors, and the codes of a run."""

import json
from pathlib import Path

import numpy as np
import pytest
from metric_files import CODES, FACTORS, run, values, write

from pipelines.commands.metrics import table
from vision.metric_names import INTERPRETATIONS, METRICS, QUICK, interpretation
from vision.metrics import ALL_METRICS, dci, mig

FAST = "mig,modularity,sap,dci_lasso"


def test_every_metric_has_a_name_and_every_score_a_meaning() -> None:
    learners = {"dci_random_forest", "dci_lasso", "dci_lightgbm"}
    assert METRICS.keys() - learners == ALL_METRICS.keys()
    assert "dci" in QUICK
    assert not learners & set(QUICK)
    assert all(
        score in INTERPRETATIONS or interpretation(score)
        for score in ("dci_informativeness_test", "downstream_10")
    )


def test_a_perfect_code_scores_its_ceiling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, stdout, stderr = run([write(tmp_path / "a.npz"), "--json", "--metrics", FAST], capsys)
    assert (code, stderr) == (0, "")
    record = json.loads(stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert (record["points"], record["points_test"], record["latents"]) == (201, 99, 2)
    assert record["factors"] == {"factor 0": 3, "factor 1": 4}
    assert list(record["metrics"]) == FAST.split(",")
    assert values(stdout, "modularity")["modularity"] > 0.99
    assert values(stdout, "mig")["mig"] > 0.95
    assert values(stdout, "dci_lasso")["dci_lasso_disentanglement"] == pytest.approx(1, abs=1e-3)
    assert record["metrics"]["mig"]["scores"]["mig"]["better"] == "higher"
    assert record["metrics"]["mig"]["settings"] == "bins 20"


def test_a_test_part_of_the_file_is_used_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {"codes_test": CODES[::-1], "factors_test": FACTORS}
    path = write(tmp_path / "a.npz", **wrong, factor_names=["colour", "size"])
    code, stdout, _ = run([path, "--json", "--metrics", "mig,dci_lasso"], capsys)
    assert code == 0
    record = json.loads(stdout)
    assert record["split"] == "the file's own test part"
    assert list(record["factors"]) == ["colour", "size"]
    assert values(stdout, "mig")["mig"] == mig(CODES, FACTORS)
    expected = dci(CODES, FACTORS, CODES[::-1], FACTORS, estimator="lasso")
    found = values(stdout, "dci_lasso")
    assert found["dci_lasso_informativeness_test"] == expected.informativeness_test < 0
    assert found["dci_lasso_informativeness_train"] == expected.informativeness_train


def test_the_split_is_the_one_that_the_functions_draw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [write(tmp_path / "a.npz"), "--json", "--metrics", "dci_lasso", "--seed", "3"]
    expected = dci(CODES, FACTORS, estimator="lasso", seed=3)
    found = values(run(words, capsys)[1], "dci_lasso")
    assert found["dci_lasso_informativeness_test"] == expected.informativeness_test


def test_the_table_names_scores_directions_and_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.npz")
    code, stdout, _ = run([path, "--metrics", "mig,unsupervised", "--points", "100"], capsys)
    assert code == 0
    lines = stdout.splitlines()
    assert lines[0] == f"{path}: 100 points to fit, 50 to test; 2 latents"
    assert "seed 0" in lines[1]
    assert any(line.startswith("mig ") and "higher" in line and "bins 20" in line for line in lines)
    assert any(line.startswith("latent_mutual_information ") and "lower" in line for line in lines)


def test_what_cannot_be_measured_is_said_unless_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.npz", factors=FACTORS[:, :1])
    code, _, stderr = run([path, "--metrics", "modularity"], capsys)
    assert (code, stderr) == (
        2,
        "scan: error: modularity: modularity compares factors: at least 2 are needed\n",
    )
    monkeypatch.setattr("pipelines.commands.metrics.QUICK", ("mig", "modularity"))
    code, stdout, _ = run([path], capsys)
    assert code == 0
    assert "modularity: not measured, modularity compares factors" in stdout
    few = {name: METRICS[name] for name in ("mig", "modularity")}
    monkeypatch.setattr("pipelines.commands.metrics.METRICS", few)
    code, stdout, _ = run([path, "--metrics", "all"], capsys)
    assert code == 0
    assert "modularity: not measured, modularity compares factors" in stdout


def test_an_infinite_score_is_null_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ALL_METRICS, "mig", lambda _: {"mig": float("inf")})
    path = write(tmp_path / "a.npz")
    assert values(run([path, "--json", "--metrics", "mig"], capsys)[1], "mig") == {"mig": None}
    assert "  inf  " in run([path, "--metrics", "mig"], capsys)[1]


NAN = CODES.copy()
NAN[7, 1] = np.nan


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codes": NAN}, "codes holds nan at row 7, column 1"),
        ({"factors": FACTORS[:-1]}, "factors has 299 rows but the codes have 300"),
        ({"factors": FACTORS + 0.5}, "factor values are integers"),
        (
            {"factors": np.stack([FACTORS[:, 0], np.arange(300)], 1)},
            "factor 1 has another value in every row",
        ),
        ({"factors": FACTORS * [1, 0]}, "factor 1 has the single value 0"),
        ({"codes_test": CODES}, "codes_test without factors_test"),
        ({"codes": np.array([object()])}, "codes is an array of Python objects: save it as numbers"),
    ],
)
def test_arrays_that_cannot_be_scored(
    arrays: dict, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.npz", **arrays)
    code, stdout, stderr = run([path], capsys)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(f"scan: error: {path}: ")
    assert message in stderr
    assert len(stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["TMP/a.npz", "--metrics", "mgi"], "--metrics: no metric 'mgi'; did you mean mig?"),
        (["TMP/none.npz"], "TMP/none.npz: no such file"),
        (["TMP/empty.npz"], "TMP/empty.npz: no array called codes (there is images)"),
        (["TMP/text.csv"], "TMP/text.csv: column z0, line 3: 'big' is not a number"),
        (
            ["TMP/ragged.csv"],
            "TMP/ragged.csv: 1 problem in 1 rows: 1 lines without exactly 2 cells (line 2 has 1)",
        ),
        (["TMP/text.npz"], "TMP/text.npz: truncated or not an .npz file of plain arrays"),
        (["TMP"], "TMP is a folder; for a run: scan metrics --run TMP"),
        (["--run", "TMP/none"], "TMP/none does not exist"),
        (["TMP/a.npz", "--run", "TMP"], "give either a FILE of codes and factors or --run RUN"),
        ([], "give either a FILE"),
        (["TMP/a.npz", "--test-share", "1"], "--test-share 1.0: expected a share between 0 and 1"),
    ],
)
def test_a_wrong_request_is_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a.npz")
    np.savez(tmp_path / "empty.npz", images=CODES)
    (tmp_path / "text.csv").write_text("z0,size\n1,2\nbig,2\n")
    (tmp_path / "ragged.csv").write_text("z0,size\n1\n")
    (tmp_path / "text.npz").write_text("no zip")
    code, stdout, stderr = run([word.replace("TMP", str(tmp_path)) for word in words], capsys)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(f"scan: error: {message.replace('TMP', str(tmp_path))}")
    assert len(stderr.splitlines()) == 1


def test_a_run_is_encoded_and_scored(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--run", str(finished_run), "--json", "--metrics", "mig,mcc", "--points", "200"]
    code, stdout, _ = run(words, capsys)
    assert code == 0
    record = json.loads(stdout)
    assert (record["points"], record["points_test"], record["latents"]) == (200, 100, 5)
    assert record["factors"] == {"wall": 16, "floor": 16, "object": 16, "shape": 3}
    assert run(words, capsys)[1] != run([*words, "--seed", "1"], capsys)[1]
    assert "200 points to fit" in table(record)
