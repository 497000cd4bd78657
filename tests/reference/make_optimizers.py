"""Write ``optimizers.json``: 200 steps of every optimizer on one small problem (see `fixture` for how to run this).

The problem: a network 2-3-1 with tanh in the hidden layer, the full batch of 12 points, float64. Its start is the
one that mcstudy draws for seed 5, trial 0, with weights N(0, 0.5²) and biases N(0, 1); 2-3-2 for a loss of classes.
Each record names the parts as a study does, and holds all parameters (layer by layer: weights row by row, then
biases) after some of the steps.

Not among `optimizer_records`, because what they compute is not what the catalog's source does: optax's amsgrad (its
maximum is over bias-corrected averages), nadam (without a momentum schedule), radam (another place of eps), rprop (each
move is made one step late); Keras's momentum under a schedule (the learning rate is inside the buffer); clipping by
Keras (by each variable's norm, or without PyTorch's 1e-6); PyTorch's ChainedScheduler with a cosine of eta_min above 0,
or past its T_max (its recursion is no product there).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fixture
import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch
import torch.nn.functional as F
from optimizer_records import STEPS, all_records
from torch.optim import lr_scheduler

STORED = [1, 2, 3, 10, 50, 200]
SHARED = [
    *[-0.1375336198538933, 0.25164141195307105],
    *[-0.4384082460769856, 0.8267393547069367],
    *[0.33961783998473666, 0.43128609712772314],
    *[0.6565181552208612, -0.9688865139220069, -0.4493755994923773],
    *[0.43406726269581675, -0.7805553804129258, 0.308305608665866],
]
STARTS = {
    1: [*SHARED, -1.5690926434206343],
    2: [
        *SHARED,
        *[-0.7845463217103171, -0.30719328675077084, 0.42659503804097554],
        *[0.9397456555584891, -1.2667482460237411],
    ],
}
"""By the number of outputs; two networks of equal hidden layer share their draws."""

COLUMNS = ["a", "b", "y", "label", "sign", "p", "q"]
Settings = dict[str, Any]
Tensors = list[torch.Tensor]
Step = Callable[[Tensors, Tensors], None]


def points() -> list[list[float]]:
    """Inputs a and b; a smooth target; a label, also as a sign; probabilities of two classes."""
    rng = np.random.default_rng(6)
    rows = []
    for a, b in rng.uniform(-2, 2, (12, 2)).round(2).tolist():
        y = round(float(np.sin(1.5 * a) + 0.5 * a * b), 3)
        label = float(a * b > 0)
        p = [0.0, 1.0, 0.25, 0.625][len(rows) % 4]
        rows.append([a, b, y, label, 2 * label - 1, p, 1 - p])
    return rows


# ---------------------------------------------------------------------------------------------- what is trained

TARGETS = {"binary_cross_entropy": ["label"], "hinge": ["sign"], "softmax_cross_entropy": ["p", "q"]}
LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": lambda o, y: F.huber_loss(o, y, delta=0.3),
    "binary_cross_entropy": F.binary_cross_entropy_with_logits,
    "softmax_cross_entropy": F.cross_entropy,
    "log_cosh": lambda o, y: torch.mean((o - y) + F.softplus(-2 * (o - y)) - np.log(2.0)),  # Keras's formula
    "hinge": lambda o, y: torch.mean(F.relu(1 - y * o)),  # Keras's; no point is on the kink
}


def penalty(part: Settings, weights: Tensors) -> torch.Tensor:
    """Keras's regularizers on the weights of all layers; repulsion as the catalog defines it, on the hidden layer's."""
    l1, l2 = part.get("l1", 0.0), part.get("l2", 0.0)
    total = sum((l1 * w.abs().sum() + l2 * w.square().sum() for w in weights), torch.zeros(()))
    if part["name"] == "repulsion":
        products = weights[0] @ weights[0].T
        total = total + part["factor"] * (products - torch.diag(torch.diag(products))).square().sum()
    return total


def gradients(record: Settings, parameters: Tensors, x: torch.Tensor, y: torch.Tensor) -> Tensors:
    w1, b1, w2, b2 = parameters
    output = torch.tanh(x @ w1.T + b1) @ w2.T + b2
    loss = LOSSES[record.get("loss", {"name": "mse"})["name"]](output, y)
    if "regularizer" in record:
        loss = loss + penalty(record["regularizer"], [w1, w2])
    return list(torch.autograd.grad(loss, parameters))


# ---------------------------------------------------------------------------------------------- PyTorch


def torch_optimizer(part: Settings, parameters: Tensors) -> torch.optim.Optimizer:
    optim = torch.optim
    known: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": optim.SGD,
        "adagrad": optim.Adagrad,
        "adadelta": optim.Adadelta,
        "rmsprop": optim.RMSprop,
        "adam": optim.Adam,
        "adamw": optim.AdamW,
        "amsgrad": lambda *args, **options: optim.Adam(*args, amsgrad=True, **options),
        "adamax": optim.Adamax,
        "nadam": optim.NAdam,
        "radam": optim.RAdam,
        "rprop": optim.Rprop,
    }
    return known[part["name"]](parameters, **{key: value for key, value in part.items() if key != "name"})


def scheduler(part: Settings, optimizer: torch.optim.Optimizer) -> Any:
    options = {key: value for key, value in part.items() if key != "name"}
    match part["name"]:
        case "constant":
            return lr_scheduler.LambdaLR(optimizer, lambda n: 1.0)
        case "step":
            return lr_scheduler.StepLR(optimizer, **options)
        case "exponential":
            return lr_scheduler.ExponentialLR(optimizer, **options)
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, **{"T_max": STEPS} | options)
        case "linear":
            return lr_scheduler.LinearLR(optimizer, **options)
        case "sequential":
            pieces = [scheduler(piece, optimizer) for piece in part["schedules"]]
            return lr_scheduler.SequentialLR(optimizer, pieces, part["milestones"])
        case "chained":
            return lr_scheduler.ChainedScheduler([scheduler(piece, optimizer) for piece in part["schedules"]])
    raise ValueError(part["name"])


def torch_step(record: Settings, parameters: Tensors) -> Step:
    optimizer = torch_optimizer(record["optimizer"], parameters)
    schedule = scheduler(record["schedule"], optimizer) if "schedule" in record else None

    def step(parameters: Tensors, found: Tensors) -> None:
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient
        if "clip_value" in record:
            torch.nn.utils.clip_grad_value_(parameters, record["clip_value"])
        if "clip_norm" in record:
            torch.nn.utils.clip_grad_norm_(parameters, record["clip_norm"])
        optimizer.step()
        if schedule is not None:
            schedule.step()

    return step


# ---------------------------------------------------------------------------------------------- Keras, optax


def keras_optimizer(part: Settings) -> keras.optimizers.Optimizer:
    """Keras's optimizer of the same options under its names for them; its weight decay is always decoupled."""
    optimizers = keras.optimizers
    known = {
        "sgd": optimizers.SGD,
        "adagrad": optimizers.Adagrad,
        "adadelta": optimizers.Adadelta,
        "rmsprop": optimizers.RMSprop,
        "adam": optimizers.Adam,
        "adamw": optimizers.AdamW,
        "amsgrad": lambda **options: optimizers.Adam(amsgrad=True, **options),
        "adamax": optimizers.Adamax,
        "nadam": optimizers.Nadam,
        "lion": optimizers.Lion,
        "ftrl": optimizers.Ftrl,
    }
    names = {"lr": "learning_rate", "eps": "epsilon", "alpha": "rho"}
    flags = ("name", "betas", "eps_inside", "eps_outside", "epsilon_hat", "momentum_decay")
    options = {names.get(key, key): value for key, value in part.items() if key not in flags}
    if "betas" in part:
        options["beta_1"], options["beta_2"] = part["betas"]
    return known[part["name"]](**options)


def keras_step(record: Settings, parameters: Tensors) -> Step:
    variables = [keras.Variable(p.detach().numpy(), dtype="float64") for p in parameters]
    optimizer = keras_optimizer(record["optimizer"])
    optimizer.build(variables)

    def step(parameters: Tensors, found: Tensors) -> None:
        optimizer.apply([jnp.array(g.numpy()) for g in found], variables)
        for parameter, variable in zip(parameters, variables, strict=True):
            parameter.data = torch.tensor(np.asarray(variable.value))

    return step


def optax_optimizer(part: Settings) -> optax.GradientTransformation:
    known: dict[str, Callable[..., optax.GradientTransformation]] = {
        "sgd": optax.sgd,
        "adagrad": optax.adagrad,
        "adadelta": optax.adadelta,
        "rmsprop": optax.rmsprop,
        "adam": optax.adam,
        "adamw": optax.adamw,
        "adamax": optax.adamax,
        "lion": optax.lion,
        "signsgd": optax.signum if part.get("momentum") else optax.sign_sgd,
    }
    names = {"lr": "learning_rate"}
    names |= {"rmsprop": {"alpha": "decay"}, "signsgd": {"momentum": "beta"}}.get(part["name"], {})
    options = {names.get(key, key): value for key, value in part.items() if key not in ("name", "betas", "eps_inside")}
    if "betas" in part:
        options["b1"], options["b2"] = part["betas"]
    if part["name"] == "rmsprop":
        options["eps_in_sqrt"] = part.get("eps_inside", False)
    if part["name"] == "lion":
        options.setdefault("weight_decay", 0.0)  # optax: 0.001
    return known[part["name"]](**options)


def optax_step(record: Settings, parameters: Tensors) -> Step:
    optimizer = optax_optimizer(record["optimizer"])
    state = optimizer.init([jnp.array(p.detach().numpy()) for p in parameters])

    def step(parameters: Tensors, found: Tensors) -> None:
        nonlocal state
        values = [jnp.array(p.detach().numpy()) for p in parameters]
        moves, state = optimizer.update([jnp.array(g.numpy()) for g in found], state, values)
        for parameter, value in zip(parameters, optax.apply_updates(values, moves), strict=True):
            parameter.data = torch.tensor(np.asarray(value))

    return step


FRAMEWORKS = {"PyTorch": torch_step, "Keras": keras_step, "optax": optax_step}


# ---------------------------------------------------------------------------------------------- training


def train(record: Settings, rows: np.ndarray, columns: list[str], nudge: float = 0.0) -> list[list[float]]:
    """All parameters after the steps that are stored; `nudge` moves the start by a share of itself."""
    x = torch.tensor(rows[:, :2])
    y = torch.tensor(rows[:, [COLUMNS.index(column) for column in columns]])
    outputs = len(columns)
    sizes = [6, 3, 3 * outputs, outputs]
    start = torch.tensor(STARTS[outputs]) * (1.0 + nudge)
    shapes = [(3, 2), (3,), (outputs, 3), (outputs,)]
    parameters = [
        piece.reshape(shape).clone().requires_grad_()
        for piece, shape in zip(torch.split(start, sizes), shapes, strict=True)
    ]
    step = FRAMEWORKS[record["framework"]](record, parameters)
    found = []
    for n in range(1, STEPS + 1):
        step(parameters, gradients(record, parameters, x, y))
        if n in STORED:
            found.append([float(v) for p in parameters for v in p.detach().reshape(-1)])
    return found


def main() -> None:
    rows = points()
    records = []
    for settings in all_records():
        columns = TARGETS.get(settings.get("loss", {}).get("name", ""), ["y"])
        record = settings | {"targets": columns}
        found = train(record, np.array(rows), columns)
        # a problem that grew rounding errors to the tolerance of the test could not be compared
        moved = np.abs(np.array(found) - train(record, np.array(rows), columns, nudge=1e-14)).max()
        if not np.isfinite(found).all() or moved > 2e-12:
            raise ValueError(f"{settings}: a start moved by 1e-14 moves the parameters by {moved}")
        records.append(record | {"parameters": found})
    head = {
        "columns": COLUMNS,
        "points": rows,
        "steps": STORED,
        "starts": {str(outputs): start for outputs, start in STARTS.items()},
    }
    fixture.write("optimizers", head, records)


if __name__ == "__main__":
    main()
