"""Fixtures from the frameworks: what the scripts ``make_*.py`` share, and how to run them.

The scripts write the JSON files beside them, which `tests/test_frameworks.py` reads. PyTorch, Keras and optax are
needed only here; no test imports them. To write all fixtures again, the same bytes with the same versions (a minute):

    python3.11 -m venv refenv
    refenv/bin/pip install torch==2.13.0 keras==3.15.1 optax==0.2.8 jax==0.10.2 numpy scipy
    cd tests/reference
    for part in activations losses optimizers inits; do KERAS_BACKEND=jax ../../refenv/bin/python make_$part.py; done

PyTorch's build for the CPU is enough. Everything is computed in float64. Keras runs on JAX. Each file says with which
versions it was made.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import keras
import torch
from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE

PACKAGES = ("torch", "keras", "optax", "jax", "numpy")

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
keras.config.set_floatx("float64")
jax.config.update("jax_enable_x64", True)
# Keras makes float64 float32 in some operations (mean, maximum) on every backend but TensorFlow, whatever floatx is.
BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def write(name: str, head: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Write ``name.json``: versions, what `head` says of all records, and a line for each record."""
    if keras.backend.backend() != "jax":
        raise RuntimeError(f"KERAS_BACKEND is {keras.backend.backend()!r}; run with KERAS_BACKEND=jax")
    versions = {package: version(package) for package in PACKAGES}
    start = json.dumps({"versions": versions, **head})[:-1]
    lines = ",\n".join(json.dumps(record) for record in records)
    text = f'{start}, "records": [\n{lines}\n]}}\n'
    json.loads(text)
    path = Path(__file__).with_name(f"{name}.json")
    path.write_text(text, encoding="utf-8")
    print(f"{path.name}: {len(records)} records, {len(text) / 1000:.0f} kB")
