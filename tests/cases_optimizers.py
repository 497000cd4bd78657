"""Optimizers, schedules and regularizers as a study may name them, every parameter off its default somewhere."""

from __future__ import annotations

from typing import Any


def part(name: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, **parameters}


OPTIMIZER_CASES = [
    part("sgd", lr=0.03),
    part("sgd", lr=0.03, dampening=0.5),
    part("sgd", lr=0.03, weight_decay=0.05),
    part("sgd", lr=0.01, momentum=0.9),
    part("sgd", lr=0.01, momentum=0.9, dampening=0.3, weight_decay=0.1),
    part("sgd", lr=0.01, momentum=0.8, nesterov=True),
    part("sgd", lr=0.01, momentum=0.8, nesterov=True, weight_decay=0.02),
    part("adam", lr=0.01),
    part("adam", lr=0.02, betas=[0.8, 0.95], eps=1e-4, weight_decay=0.05),
    part("adam", lr=0.02, betas=[0.0, 0.9], eps=1e-2),
    part("rmsprop", lr=0.01),
    part("rmsprop", lr=0.01, alpha=0.9, eps=1e-3, weight_decay=0.05),
    part("rmsprop", lr=0.01, momentum=0.7),
    part("rmsprop", lr=0.01, centered=True, eps=1e-2),
    part("rmsprop", lr=0.01, alpha=0.95, eps=1e-2, momentum=0.5, centered=True, weight_decay=0.02),
    part("adagrad", lr=0.1),
    part("adagrad", lr=0.1, lr_decay=0.1, weight_decay=0.05, initial_accumulator_value=0.2, eps=1e-3),
    # the others, and Keras's variants
    part("adam", lr=0.01, epsilon_hat=True, eps=1e-3),
    part("rmsprop", lr=0.01, alpha=0.9, eps=1e-3, eps_inside=True),
    part("rmsprop", lr=0.01, eps=1e-2, eps_inside=True, centered=True, momentum=0.6),
    part("adagrad", lr=0.1, eps_inside=True, eps=1e-2, initial_accumulator_value=0.1),
    part("adadelta", lr=1.0),
    part("adadelta", lr=0.5, rho=0.95, eps=1e-3, weight_decay=0.05),
    part("adamw", lr=0.01),
    part("adamw", lr=0.02, betas=[0.8, 0.95], eps=1e-3, weight_decay=0.3, epsilon_hat=True),
    part("amsgrad", lr=0.01),
    part("amsgrad", lr=0.02, betas=[0.8, 0.9], eps=1e-3, weight_decay=0.05),
    part("amsgrad", lr=0.02, betas=[0.8, 0.9], eps=1e-3, epsilon_hat=True),
    part("adamax", lr=0.01),
    part("adamax", lr=0.02, betas=[0.8, 0.95], eps=1e-2, weight_decay=0.05),
    part("adamax", lr=0.02, betas=[0.8, 0.95], eps=1e-2, eps_outside=True),
    part("nadam", lr=0.01),
    part("nadam", lr=0.02, betas=[0.8, 0.95], eps=1e-3, weight_decay=0.05, momentum_decay=0.02),
    part("nadam", lr=0.02, momentum_decay=1.0),
    part("radam", lr=0.01),
    part("radam", lr=0.02, betas=[0.8, 0.95], eps=1e-3, weight_decay=0.05),
    part("radam", lr=0.02, betas=[0.9, 0.5]),  # never rectified
    part("lion", lr=0.01),
    part("lion", lr=0.01, betas=[0.95, 0.98], weight_decay=0.3),
    part("rprop", lr=0.01),
    part("rprop", lr=0.01, etas=[0.3, 1.5], step_sizes=[1e-3, 0.1]),
    part("signsgd", lr=0.01),
    part("signsgd", lr=0.01, momentum=0.9, weight_decay=0.3),
    part("quickprop", lr=0.03),
    part("quickprop", lr=0.03, mu=1.2, weight_decay=0.05),
    part("ftrl", lr=0.1),
    part(
        "ftrl",
        lr=0.1,
        learning_rate_power=-0.3,
        initial_accumulator_value=0.4,
        l1_regularization_strength=0.5,
        l2_regularization_strength=0.2,
        l2_shrinkage_regularization_strength=0.05,
        beta=0.3,
    ),
    part("ftrl", lr=0.03, learning_rate_power=0.0, l1_regularization_strength=0.1),
]
SCHEDULE_CASES = [
    part("constant"),
    part("step", step_size=30),
    part("step", step_size=7, gamma=0.9),
    part("exponential", gamma=0.97),
    part("cosine"),
    part("cosine", T_max=40, eta_min=0.002),
    part("cosine", T_max=1),
    part("linear"),
    part("linear", start_factor=0.01, total_iters=50),
    part("linear", start_factor=1.0, end_factor=0.2, total_iters=400),
    part(
        "sequential",
        schedules=[part("linear", total_iters=20), part("cosine", eta_min=0.001), part("constant")],
        milestones=[10, 150],
    ),
    part("sequential", schedules=[part("linear", total_iters=20), part("cosine")], milestones=[20]),
    part(
        "sequential",
        schedules=[part("exponential", gamma=1.01), part("step", step_size=3, gamma=0.5), part("linear")],
        milestones=[1, 60],
    ),
    part("chained", schedules=[part("linear", total_iters=30), part("exponential", gamma=0.99), part("cosine")]),
]
REGULARIZER_CASES = [
    part("l1"),
    part("l1", l1=0.3),
    part("l2"),
    part("l2", l2=0.2),
    part("l1_l2"),
    part("l1_l2", l1=0.05, l2=0.3),
    part("repulsion"),
    part("repulsion", factor=0.4),
]
