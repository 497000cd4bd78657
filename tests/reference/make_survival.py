"""Write ``survival.json``: Kaplan and Meier's estimate and its median by lifelines, of made-up trials.

    python -m venv lifelinesenv
    lifelinesenv/bin/pip install lifelines==0.30.0
    lifelinesenv/bin/python tests/reference/make_survival.py

The trials are written with what lifelines makes of them: a line has the steps at which trials converged and diverged,
how many at each, and the number of all trials; the others ran to the last step. The interval is that of Brookmeyer and
Crowley on the log-log scale, which is lifelines' own; where it says that the median is beyond the data it is null.
"""

from __future__ import annotations

import json
import math
from importlib.metadata import version
from pathlib import Path

import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times

LAST, EVERY = 400, 20


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def record(trials: int, rate: float, diverge: float, seed: int) -> dict[str, object]:
    """One cell of so many trials, and what lifelines says of it."""
    random = np.random.default_rng(seed)
    kind = random.choice(3, trials, p=[rate, diverge, 1 - rate - diverge])
    ends = np.where(kind == 2, LAST, EVERY * random.integers(1, LAST // EVERY + 1, trials))
    fit = KaplanMeierFitter().fit(ends, kind == 0)
    low, high = median_survival_times(fit.confidence_interval_).to_numpy()[0]
    made: dict[str, object] = {"trials": trials}
    for name, which in (("converged", 0), ("diverged", 1)):
        steps, counts = np.unique(ends[kind == which], return_counts=True)
        made |= {f"{name}_steps": steps.tolist(), f"{name}_counts": counts.tolist()}
    table = fit.survival_function_["KM_estimate"]
    made |= {"steps": [int(step) for step in table.index], "share": table.tolist()}
    return made | {"median": finite(fit.median_survival_time_), "low": finite(low), "high": finite(high)}


if __name__ == "__main__":
    designs = [(20, 0.5, 0.3), (50, 0.9, 0.0), (200, 0.5, 0.2), (200, 0.7, 0.3), (1000, 0.4, 0.4), (5000, 0.6, 0.1)]
    records = [record(*design, seed) for seed, design in enumerate(designs)]
    head = json.dumps({"versions": {"lifelines": version("lifelines"), "numpy": version("numpy")}})[:-1]
    lines = ",\n".join(json.dumps(each) for each in records)
    text = f'{head}, "records": [\n{lines}\n]}}\n'
    json.loads(text)
    Path(__file__).with_name("survival.json").write_text(text, encoding="utf-8")
