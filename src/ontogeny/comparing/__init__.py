"""Two arrays, or many, under measures and their nulls: ``on.compare``."""

from ontogeny.comparing.aligned import align
from ontogeny.comparing.compare import compare
from ontogeny.comparing.result import Comparison

__all__ = ["Comparison", "align", "compare"]
