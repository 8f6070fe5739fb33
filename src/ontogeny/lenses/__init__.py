"""The catalogue: pure functions from one model to labelled arrays, one file a lens."""

from ontogeny.lenses.base import Lens, lens

__all__ = ["Lens", "lens"]
