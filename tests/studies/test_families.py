"""The study of three families, in seconds: every family is looked at through every lens, and has a column in every table."""

from __future__ import annotations

import ontogeny as on
from ontogeny.study import load_study

QUICK = (
    "task.p=7",
    "train.epochs=4",
    "checkpoints.ranges=[{every=2}]",
    "vary.seed=[0,1]",
    "optimiser.lr=1e-2",
)


def test_every_family_has_a_column(tmp_path):
    study = load_study("families", [*QUICK])
    store = on.run(study, tmp_path / "families")
    runs = store.runs()
    assert sorted(set(runs["kind"])) == ["bilinear", "mlp", "transformer"] and len(runs) == 6
    found = {one.key: one for one in store.findings()}
    assert set(found) == {claim.key for claim in study.asked()}
    for key, one in found.items():
        columns = [one, *one.beside]
        assert len(columns) == 3, key
        if key.startswith("when."):
            assert [len(column.seeds) for column in columns] == [2, 2, 2], key
    neurons = store.lens("neuron_fourier")["dominant_share"]
    widths = {
        kind: int(of.notnull().any("run").values.nonzero()[0].max()) + 1
        for kind, of in neurons.groupby("kind")
    }
    assert neurons.sizes["neuron"] == 512 and widths["bilinear"] == 64 and widths["mlp"] <= 256
    report = (tmp_path / "families/report/index.html").read_text(encoding="utf-8")
    assert "bilinear networks" in report.lower()
