"""docs/measures.md is what its program writes; the parts that take seconds are computed again."""

from benchmarks.which_measure import PAGE, atoms, catalogue, counter_examples


def test_the_page_lists_every_measure_and_its_examples_are_current():
    text = PAGE.read_text(encoding="utf-8")
    assert catalogue() in text, "make measures"
    for part in (atoms(), counter_examples()):
        lines = [line for line in part.splitlines() if line.startswith("| ")]
        assert all(line in text for line in lines), "make measures"
