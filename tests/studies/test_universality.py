"""What the study of two worlds asks for is there: rows and columns of the table, steps that are kept, settings that vary."""

from __future__ import annotations

from ontogeny.claims import quantity_of
from ontogeny.registry import measures
from ontogeny.study import load_study


def test_every_number_of_the_study_is_a_cell_of_its_table():
    study = load_study("universality")
    ticks = {axis: set(of) for axis, of in measures["dictionary_scores"].ticks.items()}
    ticks["step"] = {0, 3000, *study.checkpoints.at}
    ticks["dictionary"] = ticks["dictionary_other"] = set(study.vary["task.dictionary"])
    ticks["correlation"], ticks["correlation_other"] = set(study.vary["task.correlation"]), {"same"}
    asked = [quantity_of(name, name, study.quantities) for name in study.quantities]
    cells = [one for one in asked if one.source == "measure:dictionary_scores"]
    assert len(cells) > 40
    for one in cells:
        for axis, tick in {**one.where, **((one.minus and one.minus.where) or {})}.items():
            assert tick in ticks[axis], (one.variable, axis, tick)
    # what is claimed is of cells, not of means over the table
    claimed = {
        a.options["quantity"].variable: a.options["quantity"]
        for a in study.asked()
        if "quantity" in a.options
    }
    assert {"scores", "alike", "right", "shared_error"} <= set(claimed)
    for one in (a.options["quantity"] for a in study.asked()):
        assert one.variable != "scores" or {"reference", "score", "step"} <= set(one.where), one
