"""Tasks as a study may name them: every one, with every parameter off its default somewhere; but for the table."""

from __future__ import annotations

from typing import Any


def part(name: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, **parameters}


TASK_CASES = [
    part("relu"),
    part("abs"),
    part("distance"),
    part("addition"),
    part("sine"),
    part("sine", frequency=2.5),
    part("sine", frequency=-1.5),
    part("step"),
    part("x_sin"),
    part("x_sin", frequency=-2.0),
    part("product"),
    part("xor"),
    part("xor", low=0.0, one_hot=True),
    part("xor", low=0.25, high=0.75),
    part("parity"),
    part("parity", n=5, low=-0.5, high=2.0),
    part("parity", n=1, one_hot=True),
    part("majority"),
    part("majority", n=5, low=0.1, high=0.9, one_hot=True),
    part("spirals"),
    part("spirals", one_hot=True),
    part("spirals", classes=3, turns=1.75, inner=0.0, width=0.2),
    part("spirals", turns=3.0, inner=0.3, width=0.05),
    part("two_moons"),
    part("two_moons", width=0.3, one_hot=True),
    part("checkerboard"),
    part("checkerboard", n=3, one_hot=True),
    part("teacher"),
    part("teacher", hidden=[4, 3], inputs=3, outputs=2, activation="relu", number=5),
    part("teacher", hidden=[2, 4, 3], number=1),
    part("teacher", hidden=[], inputs=1),
    part("fir"),
    part("fir", taps=3, number=2),
    part("dft"),
    part("dft", n=3),
    part("amplitude", n=4),
    part("polynomial"),
    part("polynomial", coefficients=[0.5, -1.0, 0.0, 2.0]),
    part("polynomial", coefficients=[0.7]),
]
