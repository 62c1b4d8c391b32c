"""Physics-based catalogue generator: products, noisy feedback and the truth behind it, from a seed."""

from __future__ import annotations

from processing.generator.catalogue import Catalogue
from processing.generator.drift import BadLabels, Drift
from processing.generator.scenes import Chunk
from processing.generator.schemas import FEEDBACK, PRODUCTS, TRUTH

__all__ = ["FEEDBACK", "PRODUCTS", "TRUTH", "BadLabels", "Catalogue", "Chunk", "Drift"]
