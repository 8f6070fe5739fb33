"""What was printed of the second model that adds two digits, recomputed from its weights by our lenses, to the printed digits.

Only these numbers may stand beside the published ones: each is the same quantity as ours. Sums are those of the weights, not of
printed terms: .728 + .266 is .9934, and .862 + .121 is .9825.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ontogeny.cli import app
from ontogeny.findings.per_run import REDUCTIONS
from ontogeny.handles import open_store

FOLDER = Path(__file__).parents[1] / "assets" / "addition-second-model"
PRE, POST = {"stage": "pre", "quantity": "mean"}, {"stage": "post", "quantity": "mean"}

#: lens, variable, where, what makes one number of it, printed.
PRINTED = [
    ("embedding_geometry", "explained", {"component": 1}, "mean", "0.728"),
    ("embedding_geometry", "explained", {"component": 2}, "mean", "0.266"),
    ("embedding_geometry", "cumulative", {"component": 2}, "mean", "0.993"),
    ("embedding_geometry", "correlation", {"component": 1, "variable": "k"}, "size", "0.996"),
    ("embedding_geometry", "correlation", {"component": 2, "variable": "(k − mean)²"}, "size", "0.998"),
    ("embedding_ablation", "accuracy", {"condition": "PC1", "split": "all"}, "mean", "0.40"),
    ("embedding_ablation", "accuracy", {"condition": "PC1 + PC2", "split": "all"}, "mean", "1.00"),
    ("skip_ablation", "accuracy", {"condition": "no skip path", "split": "all"}, "mean", "1.00"),
    ("neuron_correlation", "above_absolute", {"stage": "post", "variable": "a + b"}, "mean", "42"),
    ("polynomial_fit", "summary", {**PRE, "fit": "quadratic"}, "mean", "0.9981"),
    ("polynomial_fit", "summary", {**PRE, "fit": "quadratic", "quantity": "min"}, "mean", "0.9941"),
    ("polynomial_fit", "summary", {**PRE, "fit": "linear"}, "mean", "0.7525"),
    ("polynomial_fit", "summary", {**PRE, "fit": "symmetric"}, "mean", "0.9797"),
    ("polynomial_fit", "summary", {**POST, "fit": "quadratic"}, "mean", "0.975"),
    ("polynomial_fit", "r2_rebuilt_logits", {"condition": "f(poly(pre)) W_L"}, "mean", "0.9878"),
    ("polynomial_fit", "r2_rebuilt_logits", {"condition": "poly(post) W_L"}, "mean", "0.9657"),
    ("polynomial_fit", "r2_rebuilt", {"condition": "f(poly(pre)) W_L"}, "mean", "0.9979"),
    ("polynomial_fit", "r2_rebuilt", {"condition": "poly(post) W_L"}, "mean", "0.9731"),
    ("polynomial_fit", "r2_logit", {}, "mean", "0.9747"),
    ("polynomial_fit", "r2_logit", {}, "min", "0.9606"),
    ("polynomial_fit", "r2_logit", {}, "max", "0.9909"),
    ("wl_pca", "explained", {"component": 1}, "mean", "0.862"),
    ("wl_pca", "explained", {"component": 2}, "mean", "0.121"),
    ("wl_pca", "cumulative", {"component": 2}, "mean", "0.982"),
    ("attention", "mean", {"key": 2}, "max", "0.164"),
    ("attention", "mean", {"key": 2}, "median", "0.018"),
    ("attention", "mean", {"key": 2}, "min", "0.01"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("second") / "store"
    done = CliRunner().invoke(app, ["import", str(FOLDER), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return open_store(out).run(seed=999)


@pytest.fixture(scope="module")
def looked(run):
    return {lens: run.lens(lens, steps=[-1]).isel(step=0) for lens in {row[0] for row in PRINTED}}


@pytest.mark.parametrize(("lens", "variable", "where", "reduce", "printed"), PRINTED)
def test_a_printed_number_of_the_second_model_is_the_one_that_we_compute(
    looked, lens, variable, where, reduce, printed
):
    value = REDUCTIONS[reduce](looked[lens][variable].sel(where).values.reshape(-1).astype(float))
    digits = len(printed.partition(".")[2])
    assert f"{value:.{digits}f}" == printed


def test_the_line_through_its_corners_is_not_its_regression(run):
    said = run.lens("embedding_ablation").isel(step=-1).sel(condition="PC1")
    first, last = (float(said["prediction"].sel(a=k, b=k)) for k in (0, 9))
    assert (last - first) / 18 == pytest.approx(2 / 3) and first == 3
    assert float(said["slope"]) > 0.85 and float(said["intercept"]) < 1


def test_what_one_checkpoint_cannot_say_is_missing(run):
    events = run.lens("learning_events")
    assert events["inflection"].isnull() and events["below_peak"].isnull() and events["memorised"] == 10000
