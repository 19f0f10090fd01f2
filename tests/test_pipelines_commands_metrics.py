"""`scan metrics` and the disentanglement of a run: ceilings, files, errors, and what is published."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import cli
from pipelines.commands.metric_names import MEANINGS, METRICS, QUICK, meaning
from pipelines.commands.metrics import table
from pipelines.report import disentanglement
from vision.metrics import ALL_METRICS, dci, mig

SIZES = (3, 4)
FAST = "mig,modularity,sap,dci_lasso"
RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(0, size, 300) for size in SIZES], axis=1)
CODES = FACTORS[:, ::-1] * np.array([-1.0, 0.5])


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    capsys.readouterr()
    code = cli.main(["metrics", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def write(path: Path, **arrays: object) -> str:
    np.savez(path, **{"codes": CODES, "factors": FACTORS, **arrays})  # type: ignore[arg-type]
    return str(path)


def values(said: str, metric: str) -> dict[str, float]:
    entry = json.loads(said)["metrics"][metric]
    return {name: score["value"] for name, score in entry["scores"].items()}


def test_every_metric_has_a_name_and_every_score_a_meaning() -> None:
    learners = {"dci_random_forest", "dci_lasso", "dci_lightgbm"}
    assert METRICS.keys() - learners == ALL_METRICS.keys()
    assert "dci" in QUICK
    assert not learners & set(QUICK)
    assert all(score in MEANINGS or meaning(score) for score in ("dci_informativeness_test", "downstream_10"))


def test_a_perfect_code_scores_its_ceiling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, told = run([write(tmp_path / "a.npz"), "--json", "--metrics", FAST], capsys)
    assert (code, told) == (0, "")
    record = json.loads(said, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert (record["points"], record["points_test"], record["latents"]) == (201, 99, 2)
    assert record["factors"] == {"factor 0": 3, "factor 1": 4}
    assert list(record["metrics"]) == FAST.split(",")
    assert values(said, "modularity")["modularity"] > 0.99
    assert values(said, "mig")["mig"] > 0.95
    assert values(said, "dci_lasso")["dci_lasso_disentanglement"] == pytest.approx(1, abs=1e-3)
    assert record["metrics"]["mig"]["scores"]["mig"]["better"] == "higher"
    assert record["metrics"]["mig"]["settings"] == "bins 20"


def test_a_test_part_of_the_file_is_used_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {"codes_test": CODES[::-1], "factors_test": FACTORS}
    path = write(tmp_path / "a.npz", **wrong, factor_names=["colour", "size"])
    code, said, _ = run([path, "--json", "--metrics", "mig,dci_lasso"], capsys)
    assert code == 0
    record = json.loads(said)
    assert record["split"] == "the file's own test part"
    assert list(record["factors"]) == ["colour", "size"]
    assert values(said, "mig")["mig"] == mig(CODES, FACTORS)
    expected = dci(CODES, FACTORS, CODES[::-1], FACTORS, estimator="lasso")
    found = values(said, "dci_lasso")
    assert found["dci_lasso_informativeness_test"] == expected.informativeness_test < 0
    assert found["dci_lasso_informativeness_train"] == expected.informativeness_train


def test_the_split_is_the_one_that_the_functions_draw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [write(tmp_path / "a.npz"), "--json", "--metrics", "dci_lasso", "--seed", "3"]
    expected = dci(CODES, FACTORS, estimator="lasso", seed=3)
    found = values(run(words, capsys)[1], "dci_lasso")
    assert found["dci_lasso_informativeness_test"] == expected.informativeness_test


def test_csv_columns_are_told_apart_by_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    columns = np.hstack([CODES[:, :1], FACTORS, CODES[:, 1:]])
    np.savetxt(path, columns, delimiter=",", header="code_x,zone,size,z1", comments="")
    words = ["--json", "--metrics", "mig", "--seed", "3", "--test-share", "0.5"]
    code, said, _ = run([str(path), *words], capsys)
    assert code == 0
    assert list(json.loads(said)["factors"]) == ["zone", "size"]
    _, same, _ = run([write(tmp_path / "a.npz"), *words], capsys)
    assert values(said, "mig") == values(same, "mig")
    _, other, _ = run([str(path), *words, "--seed", "4"], capsys)
    assert values(other, "mig") != values(said, "mig")


def test_the_table_names_scores_directions_and_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.npz")
    code, said, _ = run([path, "--metrics", "mig,unsupervised", "--points", "100"], capsys)
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == f"{path}: 100 points to fit, 50 to test; 2 latents"
    assert "seed 0" in lines[1]
    assert any(line.startswith("mig ") and "higher" in line and "bins 20" in line for line in lines)
    assert any(line.startswith("latent_mutual_information ") and "lower" in line for line in lines)


def test_what_cannot_be_measured_is_said_unless_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.npz", factors=FACTORS[:, :1])
    code, _, told = run([path, "--metrics", "modularity"], capsys)
    assert (code, told) == (
        2,
        "scan: error: modularity: modularity compares factors: at least 2 are needed\n",
    )
    monkeypatch.setattr("pipelines.commands.metrics.QUICK", ("mig", "modularity"))
    code, said, _ = run([path], capsys)
    assert code == 0
    assert "modularity: not measured, modularity compares factors" in said


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
    code, said, told = run([path], capsys)
    assert (code, said) == (2, "")
    assert told.startswith(f"scan: error: {path}: ")
    assert message in told
    assert len(told.splitlines()) == 1


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
    code, said, told = run([word.replace("TMP", str(tmp_path)) for word in words], capsys)
    assert (code, said) == (2, "")
    assert told.startswith(f"scan: error: {message.replace('TMP', str(tmp_path))}")
    assert len(told.splitlines()) == 1


def test_a_run_is_encoded_and_scored(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--run", str(finished_run), "--json", "--metrics", "mig,mcc", "--points", "200"]
    code, said, _ = run(words, capsys)
    assert code == 0
    record = json.loads(said)
    assert (record["points"], record["points_test"], record["latents"]) == (200, 100, 5)
    assert record["factors"] == {"wall": 16, "floor": 16, "object": 16, "shape": 3}
    assert run(words, capsys)[1] != run([*words, "--seed", "1"], capsys)[1]
    assert "200 points to fit" in table(record)


def test_the_evaluation_publishes_the_model_beside_its_ceiling_and_floor(finished_run: Path) -> None:
    folder = finished_run / "evaluate"
    told = json.loads((folder / "metrics.json").read_text())["disentanglement"]
    matrices = json.loads((folder / told["matrices"]).read_text())
    assert told["matrices"] in json.loads((folder / "done.json").read_text())["files"]
    for scores in (told, told["perfect"], told["random"]):
        assert {"mig", "modularity", "modularity_active", "sap"} < scores.keys()
        assert scores["dci"].keys() > {"disentanglement", "completeness", "informativeness_test", "estimator"}
    for name in ("mig", "modularity"):
        assert told["random"][name] < told["perfect"][name] >= 0.9
    assert told["random"]["dci"]["disentanglement"] < told["perfect"]["dci"]["disentanglement"]
    assert (told["points"], told["points_test"]) == (500, 250)
    assert {"bins", "seed", "versions", "factors", "images"} < told.keys()
    for name in ("mutual_information", "dci_importance", "sap"):
        assert np.shape(matrices[name]) == (5, 4)
    ordered = np.array(matrices["mutual_information"]) / np.array(matrices["factor_entropy"])
    assert np.diff(np.sort(ordered, axis=0)[-2:], axis=0).mean() == pytest.approx(told["mig"], abs=1e-3)
    nats = np.array(matrices["kl_per_latent"])[disentanglement.by_kl(matrices)]
    assert (np.diff(nats) <= 0).all()


def test_images_without_two_factors_that_vary_are_said_to_be_unmeasured(
    finished_run: Path,
) -> None:
    import torch

    from pipelines.runs.folder import RunFolder
    from pipelines.runs.models import load
    from vision.data import ImageSet
    from vision.vae import VAE

    device = torch.device("cpu")
    vae = load(RunFolder(finished_run), "vision", VAE, device)
    pixels = torch.zeros(60, *vae.shape, dtype=torch.uint8)
    factors = np.stack([np.arange(60) % 3, np.zeros(60, dtype=np.int64)], axis=1)
    images = ImageSet(pixels, factors, ("a", "b"), (("x", "y", "z"), ("only",)))
    told, matrices = disentanglement.disentanglement(vae.encode, images, 0, device)
    assert "at least 2 that vary" in told["not_measured"]
    assert matrices == {"not_measured": told["not_measured"]}
    both = ImageSet(
        pixels, factors + [[0, 1]] * (np.arange(60)[:, None] % 2), ("a", "b"), images.value_names[:1] * 2
    )
    measured, _ = disentanglement.disentanglement(vae.encode, both, 0, device)
    assert measured["dci"]["estimator"] == "gradient_boosting"


def csv_of(
    path: Path, delimiter: str, *, words: bool = False, index: bool = False, mark: bool = False
) -> str:
    lines = [["z0", "z1", "colour", "size"]]
    for code, (colour, size) in zip(CODES, FACTORS, strict=True):
        lines.append([*map(str, code), f"colour {colour}" if words else str(colour), str(size)])
    if index:
        lines = [[str(place - 1) if place else "", *line] for place, line in enumerate(lines)]
    path.write_text("\n".join(map(delimiter.join, lines)), encoding="utf-8-sig" if mark else "utf-8")
    return str(path)


def test_a_table_is_the_same_however_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--json", "--metrics", "mig"]
    _, plain, _ = run([csv_of(tmp_path / "a.csv", ","), *words], capsys)
    for name, options in {
        "b.csv": {"delimiter": ";", "mark": True},
        "c.tsv": {"delimiter": "\t", "index": True},
        "d.txt": {"delimiter": ",", "words": True, "index": True},
    }.items():
        code, said, told = run([csv_of(tmp_path / name, **options), *words], capsys)
        assert (code, told) == (0, "")
        assert {**json.loads(said), "source": "", "metrics": ""} == {
            **json.loads(plain),
            "source": "",
            "metrics": "",
        }
        assert values(said, "mig") == values(plain, "mig")


@pytest.mark.parametrize("kind", ["U", "S"])
def test_words_are_factors_in_an_npz_file_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    words = ["--json", "--metrics", "mig"]
    spelt = np.char.add("v", FACTORS.astype(str)).astype(kind)
    test = {"codes_test": CODES[:99], "factors_test": spelt[:99]}
    _, said, _ = run([write(tmp_path / "a.npz", factors=spelt, **test), *words], capsys)
    numbers = {"codes_test": CODES[:99], "factors_test": FACTORS[:99]}
    _, expected, _ = run([write(tmp_path / "b.npz", **numbers), *words], capsys)
    assert values(said, "mig") == values(expected, "mig")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("z0;f\n0,5;1\n1,5;2\n", "column z0, line 2: '0,5' is not a number (a decimal comma: write 0.5)"),
        ("z0,f\n1,2\n2,\n", "column f, line 3: empty"),
        ("z0,f\n1,2\nnan,1\n", "column z0, line 3: 'nan' is not a number"),
        ("z0,f\n1,2\n1,nan\n", "column f, line 3: 'nan' is not a number"),
        ("z0,f\n1,2\n1,0.5\n", "column f, line 3: '0.5' is not an integer (discretise"),
        ("z0,f,f\n1,2,2\n", "column 'f' occurs twice"),
        ("z0,z1\n1,2\n", "no column besides those of codes"),
    ],
)
def test_cells_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    code, said, told = run([str(tmp_path / "a.csv")], capsys)
    assert (code, said) == (2, "")
    assert message in told
    assert len(told.splitlines()) == 1


def test_arrays_that_are_not_used_are_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.npz", notes=np.array([{}], dtype=object))
    assert run([path, "--metrics", "mig"], capsys)[0] == 0


def test_names_of_factors_are_escaped_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.npz", factor_names=np.array([b"red\x1b[2J", b"b"]))
    code, said, _ = run([path, "--metrics", "mig"], capsys)
    assert code == 0
    assert r"red\x1b[2J (3)" in said
    path = write(tmp_path / "a.npz", factor_names=["b", "b"])
    assert "factor_names has 'b' twice" in run([path, "--metrics", "mig"], capsys)[2]
