"""``extends = NAME``: a recipe laid over another."""

from ontogeny.overrides import laid_over
from ontogeny.study import load_study


def test_tables_are_merged_and_anything_else_is_replaced():
    base = {
        "a": 1,
        "task": {"kind": "addition", "p": 10},
        "lenses": ["x", "y"],
        "vary": {"seed": {"range": [0, 9]}},
    }
    over = {"task": {"p": 5}, "lenses": ["z"], "vary": {"seed": [1]}}
    assert laid_over(base, over) == {
        "a": 1,
        "task": {"kind": "addition", "p": 5},
        "lenses": ["z"],
        "vary": {"seed": [1]},
    }
    assert base["task"]["p"] == 10


def test_a_file_may_extend_a_built_in_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "addition"\nname = "mine"\n[train]\nepochs = 7\n')
    mine, base = load_study(path), load_study("addition")
    assert mine.name == "mine" and mine.train.epochs == 7
    assert mine.task == base.task and mine.claims == base.claims
