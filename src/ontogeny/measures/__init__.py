"""How alike two things are: one file a family of measures."""

from ontogeny.measures.base import Measure, measure

__all__ = ["Measure", "measure"]
