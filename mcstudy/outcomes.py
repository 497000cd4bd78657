"""How a trial can end.

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
