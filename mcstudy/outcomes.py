"""How a trial can end, and what its end is like.

Every trial ends in exactly one outcome; the first that fits, in the order of the definitions below, counts.
"""

from __future__ import annotations

from typing import Final

OUTCOMES: Final = ("converged", "diverged", "dead", "stuck", "unfinished")
"""The outcomes; a trial's stored code (uint8) is its position here.

- ``diverged``: at a check the evaluation loss or a parameter is not finite. Training stops there. This one is
  looked for before ``converged``.
- ``converged``: the study's criterion holds at a check. Training stops there.
- ``dead``: the steps ran out, and in some layer (the output unit too, where it has an activation) every unit's
  derivative is zero at every evaluation point.
- ``stuck``: the steps ran out, and the best loss of the last fifth of the checks (at least one) is not 1 % below the
  best before them.
- ``unfinished``: the steps ran out, still improving. So are all trials of a study of no steps that neither converge
  nor are dead.
"""

CONSTANTS: Final = ("no", "mean", "median", "zero", "other")
"""Whether a trial's output is constant over the evaluation points in the end, and if so, where: at the mean of the
targets, at their median, at zero, or elsewhere, the first that fits."""

POINTS: Final = ("unknown", "flat", "saddle", "minimum")
"""What a stuck trial sits at, by the Hessian of its evaluation loss; unknown for all others.

- ``saddle``: an eigenvalue is negative, so there is a way down.
- ``flat``: none is, but some are zero, and not only for units whose inputs and outputs can be rescaled at no change.
- ``minimum``: all others are positive.
"""

CODES: Final = {"outcome": OUTCOMES, "constant": CONSTANTS, "point": POINTS}
"""The columns that hold one of a few words; a stored code (uint8) is the position of the word."""
