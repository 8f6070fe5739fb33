"""Two arrays, or many, under measures and their nulls: ``on.compare``."""

from ontogeny.representations.aligned import align
from ontogeny.representations.comparing import compare
from ontogeny.representations.concepts import Concepts, compare_concepts
from ontogeny.representations.result import Comparison

__all__ = ["Comparison", "Concepts", "align", "compare", "compare_concepts"]
