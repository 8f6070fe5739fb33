"""Two arrays, or many, under measures and their nulls: ``on.compare``."""

from ontogeny.representations.aligned import align
from ontogeny.representations.comparing import compare
from ontogeny.representations.concepts import Concepts, compare_concepts
from ontogeny.representations.linked import LinkedMaps, linked_maps
from ontogeny.representations.result import Comparison
from ontogeny.representations.shapes import Topology, topology

__all__ = [
    "Comparison",
    "Concepts",
    "LinkedMaps",
    "Topology",
    "align",
    "compare",
    "compare_concepts",
    "linked_maps",
    "topology",
]
