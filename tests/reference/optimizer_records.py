"""What `make_optimizers` trains, as a study would name it: optimizers, schedules, clipping, regularizers, losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

STEPS = 200
Settings = dict[str, Any]


def part(name: str, **parameters: Any) -> Settings:
    return {"name": name, **parameters}


def torch_records() -> Iterator[Settings]:
    betas = [0.8, 0.95]
    for optimizer in [
        part("sgd", lr=0.05),
        part("sgd", lr=0.05, momentum=0.9),
        part("sgd", lr=0.05, momentum=0.9, dampening=0.3),
        part("sgd", lr=0.05, momentum=0.8, nesterov=True),
        part("sgd", lr=0.05, weight_decay=0.05),
        part("sgd", lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.05),
        part("sgd", lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.05),
        part("adagrad", lr=0.1),
        part("adagrad", lr=0.1, lr_decay=0.02, weight_decay=0.05, initial_accumulator_value=0.2, eps=1e-3),
        part("adadelta", lr=1.0),
        part("adadelta", lr=0.2, rho=0.8, eps=1e-4, weight_decay=0.05),
        part("rmsprop", lr=0.01),
        part("rmsprop", lr=0.002, alpha=0.9, eps=1e-2, weight_decay=0.05),
        part("rmsprop", lr=0.005, momentum=0.7),
        part("rmsprop", lr=0.01, centered=True),
        part("rmsprop", lr=0.005, alpha=0.95, eps=1e-2, weight_decay=0.05, momentum=0.5, centered=True),
        part("adam", lr=0.01),
        part("adam", lr=0.005, betas=betas, eps=1e-3, weight_decay=0.05),
        part("adamw", lr=0.01),
        part("adamw", lr=0.02, betas=betas, eps=1e-3, weight_decay=0.1),
        part("amsgrad", lr=0.01),
        part("amsgrad", lr=0.02, betas=betas, eps=1e-3, weight_decay=0.05),
        part("adamax", lr=0.01),
        part("adamax", lr=0.02, betas=betas, eps=1e-2, weight_decay=0.05),
        part("nadam", lr=0.01),
        part("nadam", lr=0.005, betas=betas, eps=1e-3, weight_decay=0.05, momentum_decay=0.1),
        part("radam", lr=0.01),
        part("radam", lr=0.02, betas=betas, eps=1e-2, weight_decay=0.05),
        part("rprop", lr=0.01),
        part("rprop", lr=0.02, etas=[0.6, 1.1], step_sizes=[1e-3, 0.05]),
    ]:
        yield {"optimizer": optimizer, "framework": "PyTorch"}


def keras_records() -> Iterator[Settings]:
    betas = [0.8, 0.95]
    for optimizer in [
        part("sgd", lr=0.05, momentum=0.9),
        part("sgd", lr=0.05, momentum=0.8, nesterov=True),
        part("adagrad", lr=0.1, initial_accumulator_value=0.1, eps=1e-7, eps_inside=True),
        part("adagrad", lr=0.1, initial_accumulator_value=0.01, eps=1e-2, eps_inside=True),
        part("adadelta", lr=1.0, rho=0.95, eps=1e-7),
        part("rmsprop", lr=0.002, alpha=0.9, eps=1e-7, eps_inside=True),
        part("rmsprop", lr=0.005, alpha=0.9, eps=1e-3, momentum=0.5, centered=True, eps_inside=True),
        part("adam", lr=0.01, eps=1e-7, epsilon_hat=True),
        part("adam", lr=0.02, betas=betas, eps=1e-2, epsilon_hat=True),
        part("adamw", lr=0.01, eps=1e-7, weight_decay=0.004, epsilon_hat=True),
        part("adamw", lr=0.02, betas=betas, eps=1e-2, weight_decay=0.1, epsilon_hat=True),
        part("amsgrad", lr=0.01, eps=1e-7, epsilon_hat=True),
        part("amsgrad", lr=0.02, betas=betas, eps=1e-2, epsilon_hat=True),
        part("adamax", lr=0.01, eps=1e-7, eps_outside=True),
        part("adamax", lr=0.02, betas=betas, eps=1e-2, eps_outside=True),
        part("nadam", lr=0.01, eps=1e-7, momentum_decay=1.0),
        part("nadam", lr=0.02, betas=betas, eps=1e-2, momentum_decay=1.0),
        part("lion", lr=0.002),
        part("lion", lr=0.003, betas=betas, weight_decay=0.1),
        part("ftrl", lr=0.1),
        part("ftrl", lr=0.1, learning_rate_power=-0.8, initial_accumulator_value=0.5),
        part("ftrl", lr=0.1, l1_regularization_strength=0.02, l2_regularization_strength=0.05),
        part("ftrl", lr=0.1, l2_shrinkage_regularization_strength=0.03, beta=0.2),
    ]:
        yield {"optimizer": optimizer, "framework": "Keras"}


def optax_records() -> Iterator[Settings]:
    betas = [0.8, 0.95]
    for optimizer in [
        part("sgd", lr=0.05),
        part("sgd", lr=0.05, momentum=0.8, nesterov=True),
        part("adagrad", lr=0.1, initial_accumulator_value=0.1, eps=1e-3, eps_inside=True),
        part("adadelta", lr=1.0),
        part("rmsprop", lr=0.001, alpha=0.9),
        part("rmsprop", lr=0.005, alpha=0.9, eps=1e-3, momentum=0.5, centered=True, eps_inside=True),
        part("adam", lr=0.005, betas=betas, eps=1e-3),
        part("adamw", lr=0.02, betas=betas, eps=1e-3, weight_decay=0.1),
        part("adamax", lr=0.02, betas=betas, eps=1e-2),
        part("lion", lr=0.002),
        part("lion", lr=0.003, betas=betas, weight_decay=0.1),
        part("signsgd", lr=0.002),
        part("signsgd", lr=0.002, momentum=0.9),
    ]:
        yield {"optimizer": optimizer, "framework": "optax"}


def other_records() -> Iterator[Settings]:
    """Clipping, schedules, regularizers and losses, by PyTorch."""
    sgd, momentum, adam = part("sgd", lr=0.1), part("sgd", lr=0.05, momentum=0.9), part("adam", lr=0.02)
    warm = part("linear", start_factor=0.1, total_iters=20)
    schedules = [
        part("constant"),
        part("step", step_size=30),
        part("step", step_size=7, gamma=0.8),
        part("exponential", gamma=0.98),
        part("cosine"),
        part("cosine", T_max=35, eta_min=0.01),
        part("linear"),
        part("linear", start_factor=1.0, end_factor=0.05, total_iters=120),
        part("sequential", schedules=[warm, part("cosine", T_max=180)], milestones=[20]),
        part(
            "sequential",
            schedules=[warm, part("step", step_size=15, gamma=0.5), part("exponential", gamma=0.97)],
            milestones=[20, 90],
        ),
        part("chained", schedules=[warm, part("exponential", gamma=0.99)]),
        part("chained", schedules=[part("cosine", T_max=250), part("step", step_size=50, gamma=0.5), warm]),
    ]
    clips: list[Settings] = [{"clip_value": 0.05}, {"clip_norm": 0.3}, {"clip_value": 0.2, "clip_norm": 0.25}]
    losses = [
        part("mae"),
        part("huber", delta=0.3),
        part("log_cosh"),
        part("binary_cross_entropy"),
        part("softmax_cross_entropy"),
    ]
    options = [
        *[{"optimizer": optimizer, **clip} for clip in clips for optimizer in (sgd, adam)],
        *[{"optimizer": optimizer, "schedule": schedule} for schedule in schedules for optimizer in (momentum, adam)],
        {"optimizer": part("adamw", lr=0.02, weight_decay=0.1), "schedule": schedules[1]},
        {"optimizer": part("adagrad", lr=0.1, lr_decay=0.02), "schedule": schedules[3]},
        {"optimizer": part("rmsprop", lr=0.01, momentum=0.7), "schedule": schedules[8]},
        *[
            {"optimizer": optimizer, "regularizer": regularizer}
            for regularizer in [
                part("l1", l1=0.005),
                part("l2", l2=0.03),
                part("l1_l2", l1=0.004, l2=0.02),
                part("repulsion", factor=0.1),
            ]
            for optimizer in (sgd, adam)
        ],
        {"optimizer": adam, "regularizer": part("l2", l2=0.03), "clip_norm": 0.3, "schedule": schedules[4]},
        *[{"optimizer": sgd, "loss": loss} for loss in losses],
        {"optimizer": part("sgd", lr=0.03), "loss": part("hinge")},  # with a larger rate it is 0 before the end
    ]
    for option in options:
        yield option | {"framework": "PyTorch"}


def all_records() -> Iterator[Settings]:
    yield from torch_records()
    yield from keras_records()
    yield from optax_records()
    yield from other_records()
