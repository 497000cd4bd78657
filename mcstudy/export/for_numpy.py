"""Scripts in plain NumPy: the passes forward and back, and the updates, are written out."""

from __future__ import annotations

from mcstudy.export.dialect import Body, Dialect, Words, penalised
from mcstudy.plan import Cell

_SIGMOID = "1 / (1 + np.exp(-z))"
_MEANS = (
    "s[0][:] = {betas}[0] * s[0] + (1 - {betas}[0]) * g",
    "s[1][:] = {betas}[1] * s[1] + (1 - {betas}[1]) * g * g",
)
_COUPLED = "g = g + {weight_decay} * p"
_DECOUPLED = "p *= 1 - lr * {weight_decay}"
_CORRECTED = "lr / (1 - {betas}[0] ** n)"


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _adam(decay: str, square: str, *more: str) -> str:
    """Adam and its variants, whose divisor is of `square`; `epsilon_hat` moves eps."""
    root = "np.sqrt(1 - {betas}[1] ** n)"
    return _lines(
        decay,
        *_MEANS,
        *more,
        f"small = {{eps}} / {root} if {{epsilon_hat}} else {{eps}}",
        f"p -= {_CORRECTED} * s[0] / (np.sqrt({square}) / {root} + small)",
    )


TABLE: Words = {
    "activation": {
        "relu": "np.maximum(z, 0), 1.0 * (z > 0)",
        "relu6": "np.clip(z, 0, 6), 1.0 * ((z > 0) & (z < 6))",
        "leaky_relu": "np.where(z > 0, z, {negative_slope} * z), np.where(z > 0, 1.0, {negative_slope})",
        "elu": "np.where(z > 0, z, {alpha} * np.expm1(np.minimum(z, 0))), "
        "np.where(z > 0, 1.0, {alpha} * np.exp(np.minimum(z, 0)))",
        "selu": "1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0))), "
        "1.0507009873554805 * np.where(z > 0, 1.0, 1.6732632423543772 * np.exp(np.minimum(z, 0)))",
        "celu": "np.where(z > 0, z, {alpha} * np.expm1(np.minimum(z, 0) / {alpha})), "
        "np.where(z > 0, 1.0, np.exp(np.minimum(z, 0) / {alpha}))",
        "softplus": "np.where({beta} * z > {threshold}, z, np.logaddexp(0, {beta} * z) / {beta}), "
        "np.where({beta} * z > {threshold}, 1.0, 1 / (1 + np.exp(-{beta} * z)))",
        "mish": "z * np.tanh(np.logaddexp(0, z)), "
        f"np.tanh(np.logaddexp(0, z)) + z * ({_SIGMOID}) * (1 - np.tanh(np.logaddexp(0, z)) ** 2)",
        "hard_swish": "z * np.clip(z + 3, 0, 6) / 6, np.where(abs(z) < 3, (2 * z + 3) / 6, 1.0 * (z >= 3))",
        "silu": f"z * ({_SIGMOID}), ({_SIGMOID}) * (1 + z * (1 - {_SIGMOID}))",
        "softsign": "z / (1 + abs(z)), 1 / (1 + abs(z)) ** 2",
        "sigmoid": f"{_SIGMOID}, np.exp(-abs(z)) / (1 + np.exp(-abs(z))) ** 2",
        "hard_sigmoid": "np.clip(z + 3, 0, 6) / 6, np.where(abs(z) < 3, 1 / 6, 0.0)",
        "log_sigmoid": "-np.logaddexp(0, -z), 1 / (1 + np.exp(z))",
        "tanh": "np.tanh(z), 1 - np.tanh(z) ** 2",
        "hard_tanh": "np.clip(z, {min_val}, {max_val}), 1.0 * ((z > {min_val}) & (z < {max_val}))",
        "tanh_shrink": "z - np.tanh(z), np.tanh(z) ** 2",
        "soft_shrink": "np.sign(z) * np.maximum(abs(z) - {lambd}, 0), 1.0 * (abs(z) > {lambd})",
        "hard_shrink": "np.where(abs(z) > {lambd}, z, 0.0), 1.0 * (abs(z) > {lambd})",
        "threshold": "np.where(z > {threshold}, z, {value}), 1.0 * (z > {threshold})",
        "exponential": "np.exp(z), np.exp(z)",
        "squared_relu": "np.maximum(z, 0) ** 2, 2 * np.maximum(z, 0)",
        "snake": "z + np.sin({a} * z) ** 2 / {a}, 1 + np.sin(2 * {a} * z)",
        "sine": "np.sin({frequency} * z), {frequency} * np.cos({frequency} * z)",
        "gaussian": "np.exp(-(z**2)), -2 * z * np.exp(-(z**2))",
        "abs": "abs(z), np.sign(z)",
        "linear": "z, np.ones_like(z)",
    },
    "loss": {
        "mse": "np.mean((o - y) ** 2), 2 * (o - y) / o.size",
        "mae": "np.mean(abs(o - y)), np.sign(o - y) / o.size",
        "huber": "np.mean(np.where(abs(o - y) > {delta}, {delta} * (abs(o - y) - {delta} / 2), (o - y) ** 2 / 2)), "
        "np.clip(o - y, -{delta}, {delta}) / o.size",
        "log_cosh": "np.mean(np.logaddexp(o - y, y - o) - np.log(2)), np.tanh(o - y) / o.size",
        "binary_cross_entropy": "np.mean(np.logaddexp(0, o) - y * o), (1 / (1 + np.exp(-o)) - y) / o.size",
        "hinge": "np.mean(np.maximum(1 - np.where(y == 0, -1, y) * o, 0)), "
        "np.where(np.where(y == 0, -1, y) * o < 1, -np.where(y == 0, -1, y), 0.0) / o.size",
    },
    "optimizer": {
        "sgd": _lines(
            _COUPLED,
            "s[0][:] = g if n == 1 else {momentum} * s[0] + (1 - {dampening}) * g",
            "p -= lr * (g + {momentum} * s[0] if {nesterov} else s[0] if {momentum} else g)",
        ),
        "adagrad": _lines(
            _COUPLED,
            "s[0] += {initial_accumulator_value} * (n == 1) + g * g",
            "root = np.sqrt(s[0] + {eps}) if {eps_inside} else np.sqrt(s[0]) + {eps}",
            "p -= lr / (1 + (n - 1) * {lr_decay}) * g / root",
        ),
        "adadelta": _lines(
            _COUPLED,
            "s[0][:] = {rho} * s[0] + (1 - {rho}) * g * g",
            "move = np.sqrt(s[1] + {eps}) / np.sqrt(s[0] + {eps}) * g",
            "s[1][:] = {rho} * s[1] + (1 - {rho}) * move * move",
            "p -= lr * move",
        ),
        "rmsprop": _lines(
            _COUPLED,
            "s[0][:] = {alpha} * s[0] + (1 - {alpha}) * g * g",
            "s[1][:] = {alpha} * s[1] + (1 - {alpha}) * g",
            "variance = s[0] - s[1] ** 2 if {centered} else s[0]",
            "root = np.sqrt(variance + {eps}) if {eps_inside} else np.sqrt(variance) + {eps}",
            "s[2][:] = {momentum} * s[2] + g / root",
            "p -= lr * s[2]",
        ),
        "adam": _adam(_COUPLED, "s[1]"),
        "adamw": _adam(_DECOUPLED, "s[1]"),
        "amsgrad": _adam(_COUPLED, "s[2]", "s[2][:] = np.maximum(s[2], s[1])"),
        "adamax": _lines(
            _COUPLED,
            _MEANS[0],
            "s[1][:] = np.maximum({betas}[1] * s[1], abs(g) + {eps} * (not {eps_outside}))",
            f"p -= {_CORRECTED} * s[0] / (s[1] + {{eps}} * {{eps_outside}})",
        ),
        "lion": _lines(
            _DECOUPLED,
            "p -= lr * np.sign({betas}[0] * s[0] + (1 - {betas}[0]) * g)",
            "s[0][:] = {betas}[1] * s[0] + (1 - {betas}[1]) * g",
        ),
        "signsgd": _lines(
            _COUPLED,
            "s[0][:] = {momentum} * s[0] + (1 - {momentum}) * g",
            "p -= lr * np.sign(s[0])",
        ),
    },
    "regularizer": {
        "l1": "{l1} * np.sign(w)",
        "l2": "2 * {l2} * w",
        "l1_l2": "{l1} * np.sign(w) + 2 * {l2} * w",
    },
}
"""mcstudy's parts in NumPy; a part is added by a line.

Activations and losses: value and derivative. Optimizers: the update of parameters p by their gradient g in step
n = 1, 2, …, in place, with three arrays of state s that start at 0. Regularizers: the derivative by the weights w.
"""


def _update(dialect: Dialect, cell: Cell) -> list[str]:
    """The optimizer's settings under their names, then its update."""
    part = cell.settings["train"]["optimizer"]
    dialect.code(cell, "optimizer", part)  # refuses what is not there
    names = [name for name in part if name not in ("name", "lr")]
    code = TABLE["optimizer"][part["name"]]
    used = [name for name in names if f"{{{name}}}" in code]
    settings = [f"{name} = {part[name]!r}" for name in used]
    return [*settings, *code.format(**{name: name for name in names}).split("\n")]


def _body(dialect: Dialect, cell: Cell) -> Body:
    train, layers = cell.settings["train"], cell.layers
    updated, biased = [not layer.fixed for layer in layers], [layer.biased for layer in layers]
    every = all(updated)
    activations = [dialect.code(cell, "activation", layer.activation) for layer in layers]
    decays = train["bias_update"] == "decay"
    regularizer = penalised(cell)
    setup = [
        "weights, biases, at = [], [], 0",
        f"for inputs, outputs in {[(layer.inputs, layer.outputs) for layer in layers if not layer.fixed]}:",
        "    weights.append(start[at : at + inputs * outputs].reshape(outputs, inputs).copy())",
        "    at += inputs * outputs",
    ]
    if any(biased):
        setup += ["    biases.append(start[at : at + outputs].copy())", "    at += outputs"]
    else:
        setup.append("    biases.append(np.zeros(outputs))  # the network has none")
    if not every:
        setup += [
            f"weights.append(np.ones((1, {layers[-1].inputs})))  # the output adds the hidden units up",
            "biases.append(np.zeros(1))",
        ]
    setup += ["state = [[np.zeros((3, *p.shape)) for p in pair] for pair in zip(weights, biases)]", "", ""]
    setup += ["def hidden(z):", f"    return {activations[0]}", "", ""] if len(layers) > 1 else []
    setup += [
        "def output(z):",
        f"    return {activations[-1]}",
        "",
        "",
        "def forward(x):",
        '    """The values of all layers, the inputs first, and the derivatives of the activations."""',
        "    values, slopes = [x], []",
        "    for i, (w, b) in enumerate(zip(weights, biases)):",
        f"        f, slope = {'(hidden if i < len(weights) - 1 else output)' if len(layers) > 1 else 'output'}"
        "(values[-1] @ w.T + b)",
        "        values.append(f)",
        "        slopes.append(slope)",
        "    return values, slopes",
        "",
        "",
        "def loss_of(o, y):",
        '    """The loss of outputs o, and its derivative."""',
        f"    return {dialect.code(cell, 'loss', train['loss'])}",
        "",
        "",
        "def update(p, g, s, n, lr):",
        *(f"    {line}" for line in _update(dialect, cell)),
        "",
        "",
        "def update_layer(i, gw, gb, n, lr):",
        *([f"    if i == {len(layers) - 1}:", "        return"] if not every else []),
        "    update(weights[i], gw, state[i][0], n, lr)",
    ]
    if decays and any(biased):
        setup.append("    biases[i] -= lr * biases[i]  # no descent")
    elif any(biased):
        setup.append("    update(biases[i], gb, state[i][1], n, lr)")
    rate = f"{train['optimizer']['lr']!r}" + (" * factor(n)" if train["schedule"] else "")
    adjust = []
    if regularizer:
        adjust = ["w = weights[i]", f"gw = gw + {dialect.code(cell, 'regularizer', regularizer)}"]
    if train["clip_value"]:
        limit = train["clip_value"]
        adjust.append(f"gw, gb = np.clip(gw, -{limit!r}, {limit!r}), np.clip(gb, -{limit!r}, {limit!r})")
    after = train["backward"] == "after_update"
    step = [
        f"x, y = batch(n)\nlr = {rate}",
        "values, slopes = forward(x)",
        "error = loss_of(values[-1], y)[1]",
        *([] if after else ["gradients = []"]),
        "for i in reversed(range(len(weights))):",
        "    delta = error * slopes[i]",
        "    gw, gb = delta.T @ values[i], delta.sum(axis=0)",
        *(f"    {line}" for line in adjust),
        *(
            ["    update_layer(i, gw, gb, n + 1, lr)", "    error = delta @ weights[i]  # through weights just updated"]
            if after
            else ["    error = delta @ weights[i]", "    gradients.append((i, gw, gb))"]
        ),
    ]
    if train["clip_norm"]:
        biases = " + np.sum(gb**2)" if any(biased) else ""
        norm = f"np.sum(gw**2){biases}"
        where = "" if every else f" if i < {len(layers) - 1}"
        step += [
            f"norm = np.sqrt(sum({norm} for i, gw, gb in gradients{where}))",
            f"scale = min(1.0, {train['clip_norm']!r} / (norm + 1e-6))",
            "gradients = [(i, scale * gw, scale * gb) for i, gw, gb in gradients]",
        ]
    if not after:
        step += ["for i, gw, gb in gradients:", "    update_layer(i, gw, gb, n + 1, lr)"]
    flat = [line for text in step for line in text.split("\n")]
    return Body([], setup, flat, "loss_of(forward(points)[0][-1], answers)[0]")


NUMPY = Dialect("NumPy", "numpy", TABLE, {}, _body)
