"""Initialisations: from a layer's fan-in and fan-out to how its weights start.

Every weight and bias is drawn by inversion from one uniform number of its own, so trial i starts on the same side of
every symmetric distribution: cells with different initialisations are compared in pairs.
"""

from __future__ import annotations

from mcstudy.catalog.inits.joint import INITS
from mcstudy.catalog.inits.recipe import GAINS, Distribution, Init, Recipe

__all__ = ["GAINS", "INITS", "Distribution", "Init", "Recipe"]
