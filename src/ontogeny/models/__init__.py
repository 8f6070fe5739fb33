"""Architectures: pure functions of a dict of named tensors with leading axes."""

from ontogeny.models.base import Architecture, Edit, Forward, Taps, Weights

__all__ = ["Architecture", "Edit", "Forward", "Taps", "Weights"]
