"""Scripts for Keras 3, on whatever backend it is set up with."""

from __future__ import annotations

from mcstudy.export.dialect import Body, Dialect, Words, penalised
from mcstudy.plan import Cell

TABLE: Words = {
    "activation": {
        "relu": 'layers.Activation("relu")',
        "relu6": 'layers.Activation("relu6")',
        "leaky_relu": "layers.LeakyReLU(negative_slope={negative_slope})",
        "prelu": "layers.PReLU(shared_axes=[1])",
        "elu": "layers.ELU(alpha={alpha})",
        "selu": 'layers.Activation("selu")',
        "celu": "layers.Activation(lambda z: keras.activations.celu(z, {alpha}))",
        "gelu": 'layers.Activation(lambda z: keras.activations.gelu(z, {approximate} == "tanh"))',
        "silu": 'layers.Activation("silu")',
        "mish": 'layers.Activation("mish")',
        "softsign": 'layers.Activation("softsign")',
        "sigmoid": 'layers.Activation("sigmoid")',
        "hard_sigmoid": 'layers.Activation("hard_sigmoid")',
        "log_sigmoid": 'layers.Activation("log_sigmoid")',
        "tanh": 'layers.Activation("tanh")',
        "hard_tanh": "layers.Activation(lambda z: keras.ops.clip(z, {min_val}, {max_val}))",
        "hard_swish": 'layers.Activation("hard_silu")',
        "tanh_shrink": 'layers.Activation("tanh_shrink")',
        "soft_shrink": "layers.Activation(lambda z: keras.activations.soft_shrink(z, {lambd}))",
        "hard_shrink": "layers.Activation(lambda z: keras.activations.hard_shrink(z, {lambd}))",
        "threshold": "layers.Activation(lambda z: keras.activations.threshold(z, {threshold}, {value}))",
        "exponential": 'layers.Activation("exponential")',
        "squared_relu": "layers.Activation(lambda z: keras.ops.relu(z) ** 2)",
        "snake": "layers.Activation(lambda z: z + keras.ops.sin({a} * z) ** 2 / {a})",
        "sine": "layers.Activation(lambda z: keras.ops.sin({frequency} * z))",
        "gaussian": "layers.Activation(lambda z: keras.ops.exp(-(z**2)))",
        "abs": "layers.Activation(keras.ops.abs)",
        "linear": 'layers.Activation("linear")',
    },
    "loss": {
        "mse": "keras.losses.MeanSquaredError()",
        "mae": "keras.losses.MeanAbsoluteError()",
        "huber": "keras.losses.Huber(delta={delta})",
        "log_cosh": "keras.losses.LogCosh()",
        "binary_cross_entropy": "keras.losses.BinaryCrossentropy(from_logits=True)",
        "hinge": "keras.losses.Hinge()",
        "softmax_cross_entropy": "keras.losses.CategoricalCrossentropy(from_logits=True)",
    },
    "optimizer": {
        "sgd": "SGD({lr}, momentum={momentum}, nesterov={nesterov})",
        "adagrad": "Adagrad({lr}, initial_accumulator_value={initial_accumulator_value}, epsilon={eps})",
        "adadelta": "Adadelta({lr}, rho={rho}, epsilon={eps})",
        "rmsprop": "RMSprop({lr}, rho={alpha}, momentum={momentum}, epsilon={eps}, centered={centered})",
        "adam": "Adam({lr}, *{betas}, epsilon={eps})",
        "adamw": "AdamW({lr}, beta_1={betas}[0], beta_2={betas}[1], epsilon={eps}, weight_decay={weight_decay})",
        "amsgrad": "Adam({lr}, *{betas}, epsilon={eps}, amsgrad=True)",
        "adamax": "Adamax({lr}, *{betas}, epsilon={eps})",
        "nadam": "Nadam({lr}, *{betas}, epsilon={eps})",
        "lion": "Lion({lr}, *{betas}, weight_decay={weight_decay})",
        "ftrl": "Ftrl({lr}, learning_rate_power={learning_rate_power}, "
        "initial_accumulator_value={initial_accumulator_value}, "
        "l1_regularization_strength={l1_regularization_strength}, "
        "l2_regularization_strength={l2_regularization_strength}, "
        "l2_shrinkage_regularization_strength={l2_shrinkage_regularization_strength}, beta={beta})",
    },
    "regularizer": {
        "l1": "keras.regularizers.L1({l1})",
        "l2": "keras.regularizers.L2({l2})",
        "l1_l2": "keras.regularizers.L1L2({l1}, {l2})",
    },
}
"""mcstudy's parts in Keras's words; a part is added by a line."""

ONLY: dict[str, dict[str, object]] = {
    "sgd": {"dampening": 0.0, "weight_decay": 0.0},
    "adagrad": {"eps_inside": True, "lr_decay": 0.0, "weight_decay": 0.0},
    "adadelta": {"weight_decay": 0.0},
    "rmsprop": {"eps_inside": True, "weight_decay": 0.0},
    "adam": {"epsilon_hat": True, "weight_decay": 0.0},
    "adamw": {"epsilon_hat": True},
    "amsgrad": {"epsilon_hat": True, "weight_decay": 0.0},
    "adamax": {"eps_outside": True, "weight_decay": 0.0},
    "nadam": {"momentum_decay": 1.0, "weight_decay": 0.0},
}

_DOUBLE = [
    "# Keras computes some operations in float32, whatever floatx is, unless told that float64 stays float64.",
    'BIT64_TO_BIT32_DTYPE["float64"] = "float64"',
    'keras.config.set_floatx("float64")',
    'if keras.backend.backend() == "jax":',
    "    import jax",
    "",
    '    jax.config.update("jax_enable_x64", True)',
]


def _body(dialect: Dialect, cell: Cell) -> Body:
    train = cell.settings["train"]
    if train["backward"] == "after_update":
        dialect.refuse(cell, 'train.backward "after_update" is not what its gradients are; --export numpy has it')
    if train["clip_norm"]:
        dialect.refuse(cell, "train.clip_norm: its global_clipnorm lacks PyTorch's 1e-6 beside the norm")
    optimizer = train["optimizer"]
    if train["schedule"] and optimizer.get("momentum"):
        dialect.refuse(cell, "momentum under train.schedule: its buffer holds the learning rate of the step")
    regularizer = penalised(cell)
    penalty = f", kernel_regularizer={dialect.code(cell, 'regularizer', regularizer)}" if regularizer else ""
    made = [f"keras.Input(({cell.layers[0].inputs},))"]
    starts = []
    for layer in cell.layers:
        if layer.fixed:
            made.append("layers.Lambda(lambda h: keras.ops.sum(h, axis=1, keepdims=True))")
            continue
        made.append(f"layers.Dense({layer.outputs}, use_bias={layer.biased}{penalty})")
        starts.append((layer.outputs, layer.inputs))
        starts += [(layer.outputs,)] if layer.biased else []  # type: ignore[list-item]
        starts += [(1,)] if layer.trained else []  # type: ignore[list-item]
        if layer.activation["name"] != "linear":
            made.append(dialect.code(cell, "activation", layer.activation))
    decays = train["bias_update"] == "decay" and any(layer.biased for layer in cell.layers)
    clip = f", clipvalue={train['clip_value']!r})" if train["clip_value"] else ")"
    setup = [
        "model = keras.Sequential([",
        *(f"    {code}," for code in made),
        "])",
        "at = 0",
        f"for weight, shape in zip(model.weights, {starts}):",
        "    size = int(np.prod(shape))",
        "    weight.assign(start[at : at + size].reshape(shape).T)  # Keras keeps weights as (in, out)",
        "    at += size",
        *(
            [
                "dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)]",
                "for layer in dense:",
                "    layer.bias.trainable = False",
            ]
            if decays
            else []
        ),
        f"loss_of = {dialect.code(cell, 'loss', train['loss'])}",
        f"optimizer = keras.optimizers.{dialect.code(cell, 'optimizer', optimizer)[:-1]}{clip}",
        "model.compile(optimizer=optimizer, loss=loss_of)",
    ]
    step = []
    if train["schedule"]:
        step.append(f"optimizer.learning_rate = {optimizer['lr']!r} * factor(n)")
    step.append("model.train_on_batch(*batch(n))")
    if decays:
        step += [
            "for layer in dense:  # biases take no part in the descent: b -= lr * b",
            "    layer.bias.assign(layer.bias * (1 - float(optimizer.learning_rate)))",
        ]
    imports = [
        "import keras",
        "from keras import layers",
        "from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE",
        "",
        *_DOUBLE,
    ]
    return Body(imports, setup, step, "loss_of(answers, model(points))")


KERAS = Dialect("Keras", "keras (with a backend) and numpy", TABLE, ONLY, _body)
