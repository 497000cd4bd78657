"""Scripts for PyTorch."""

from __future__ import annotations

from mcstudy.export.dialect import Body, Dialect, Words, penalised
from mcstudy.plan import Cell

TABLE: Words = {
    "activation": {
        "relu": "nn.ReLU()",
        "relu6": "nn.ReLU6()",
        "leaky_relu": "nn.LeakyReLU({negative_slope})",
        "prelu": "nn.PReLU(init={init})",
        "elu": "nn.ELU({alpha})",
        "selu": "nn.SELU()",
        "celu": "nn.CELU({alpha})",
        "gelu": "nn.GELU({approximate})",
        "silu": "nn.SiLU()",
        "mish": "nn.Mish()",
        "softplus": "nn.Softplus({beta}, {threshold})",
        "softsign": "nn.Softsign()",
        "sigmoid": "nn.Sigmoid()",
        "hard_sigmoid": "nn.Hardsigmoid()",
        "log_sigmoid": "nn.LogSigmoid()",
        "tanh": "nn.Tanh()",
        "hard_tanh": "nn.Hardtanh({min_val}, {max_val})",
        "hard_swish": "nn.Hardswish()",
        "tanh_shrink": "nn.Tanhshrink()",
        "soft_shrink": "nn.Softshrink({lambd})",
        "hard_shrink": "nn.Hardshrink({lambd})",
        "threshold": "nn.Threshold({threshold}, {value})",
        "exponential": "Function(torch.exp)",
        "squared_relu": "Function(lambda z: torch.relu(z) ** 2)",
        "snake": "Function(lambda z: z + torch.sin({a} * z) ** 2 / {a})",
        "sine": "Function(lambda z: torch.sin({frequency} * z))",
        "gaussian": "Function(lambda z: torch.exp(-(z**2)))",
        "abs": "Function(torch.abs)",
        "linear": "nn.Identity()",
    },
    "loss": {
        "mse": "F.mse_loss(o, y)",
        "mae": "F.l1_loss(o, y)",
        "huber": "F.huber_loss(o, y, delta={delta})",
        "log_cosh": "torch.mean((o - y) + F.softplus(-2 * (o - y)) - math.log(2))",
        "binary_cross_entropy": "F.binary_cross_entropy_with_logits(o, y)",
        "hinge": "torch.mean(torch.relu(1 - torch.where(y == 0, -1.0, y) * o))",
        "softmax_cross_entropy": "F.cross_entropy(o, y)",
    },
    "optimizer": {
        "sgd": "SGD(trained, lr={lr}, momentum={momentum}, dampening={dampening}, weight_decay={weight_decay}, "
        "nesterov={nesterov})",
        "adagrad": "Adagrad(trained, lr={lr}, lr_decay={lr_decay}, weight_decay={weight_decay}, "
        "initial_accumulator_value={initial_accumulator_value}, eps={eps})",
        "adadelta": "Adadelta(trained, lr={lr}, rho={rho}, eps={eps}, weight_decay={weight_decay})",
        "rmsprop": "RMSprop(trained, lr={lr}, alpha={alpha}, eps={eps}, weight_decay={weight_decay}, "
        "momentum={momentum}, centered={centered})",
        "adam": "Adam(trained, lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay})",
        "adamw": "AdamW(trained, lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay})",
        "amsgrad": "Adam(trained, lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay}, amsgrad=True)",
        "adamax": "Adamax(trained, lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay})",
        "nadam": "NAdam(trained, lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay}, "
        "momentum_decay={momentum_decay})",
        "radam": "RAdam(trained, lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay})",
        "rprop": "Rprop(trained, lr={lr}, etas={etas}, step_sizes={step_sizes})",
    },
    "regularizer": {
        "l1": "{l1} * sum(w.abs().sum() for w in weights)",
        "l2": "{l2} * sum(w.square().sum() for w in weights)",
        "l1_l2": "sum({l1} * w.abs().sum() + {l2} * w.square().sum() for w in weights)",
        "repulsion": "{factor} * sum((w @ w.T * (1 - torch.eye(len(w)))).square().sum() for w in hidden)",
    },
}
"""mcstudy's parts in PyTorch's words; a part is added by a line."""

ONLY = {
    "adagrad": {"eps_inside": False},
    "rmsprop": {"eps_inside": False},
    "adam": {"epsilon_hat": False},
    "adamw": {"epsilon_hat": False},
    "amsgrad": {"epsilon_hat": False},
    "adamax": {"eps_outside": False},
}

_FUNCTION = [
    "class Function(nn.Module):",
    "    def __init__(self, function):",
    "        super().__init__()",
    "        self.forward = function",
    "",
    "",
]


def _body(dialect: Dialect, cell: Cell) -> Body:
    train = cell.settings["train"]
    if train["backward"] == "after_update":
        dialect.refuse(cell, 'train.backward "after_update" is not what autograd does; --export numpy has it')
    modules, sums = [], False
    for layer in cell.layers:
        if layer.fixed:
            sums = True
            continue
        modules.append(f"nn.Linear({layer.inputs}, {layer.outputs}, bias={layer.biased})")
        if layer.activation["name"] != "linear":
            modules.append(dialect.code(cell, "activation", layer.activation))
    output = "model(torch.tensor(x))" + (".sum(dim=1, keepdim=True)" if sums else "")
    loss = dialect.code(cell, "loss", train["loss"])
    decays = train["bias_update"] == "decay" and any(layer.biased for layer in cell.layers)
    setup = [
        *(_FUNCTION if any(code.startswith("Function(") for code in modules) else []),
        "model = nn.Sequential(",
        *(f"    {code}," for code in modules),
        ")",
        "nn.utils.vector_to_parameters(torch.tensor(start), model.parameters())",
    ]
    if decays:
        setup.append('trained = [p for name, p in model.named_parameters() if not name.endswith("bias")]')
    else:
        setup.append("trained = list(model.parameters())")
    setup.append(f"optimizer = torch.optim.{dialect.code(cell, 'optimizer', train['optimizer'])}")
    if train["schedule"]:
        setup.append("scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)")
    regularizer = penalised(cell)
    penalty = ""
    if regularizer:
        setup.append("weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)]")
        if regularizer["name"] == "repulsion":
            setup.append(f"hidden = weights[:{len(cell.layers) - 1}]")
        penalty = f" + {dialect.code(cell, 'regularizer', regularizer)}"
    setup += ["", "", "def loss_at(x, y):", f"    o, y = {output}, torch.tensor(y)", f"    return {loss}"]
    step = [
        "model.zero_grad()",
        f"loss = loss_at(*batch(n)){penalty}",
        "loss.backward()",
    ]
    if train["clip_value"]:
        step.append(f"nn.utils.clip_grad_value_(model.parameters(), {train['clip_value']!r})")
    if train["clip_norm"]:
        step.append(f"nn.utils.clip_grad_norm_(model.parameters(), {train['clip_norm']!r})")
    step.append("optimizer.step()")
    if decays:
        step += [
            "with torch.no_grad():  # biases take no part in the descent: b -= lr * b",
            "    for layer in model:",
            "        if isinstance(layer, nn.Linear):",
            '            layer.bias -= optimizer.param_groups[0]["lr"] * layer.bias',
        ]
    if train["schedule"]:
        step.append("scheduler.step()")
    imports = ["import torch"]
    imports += ["import torch.nn.functional as F"] if "F." in loss else []
    imports += ["from torch import nn", "", "torch.set_default_dtype(torch.float64)"]
    return Body(imports, setup, step, "loss_at(points, answers).detach()")


TORCH = Dialect("PyTorch", "torch and numpy", TABLE, ONLY, _body)
