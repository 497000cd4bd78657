"""Faulty studies: parts and options that are given wrongly, or that do not go together."""

from __future__ import annotations

from bad_file import GOOD, TASK, BadFile, changed

ADAM = '{ name = "adam", lr = 0.001 }'
LEAKY = '{ name = "leaky_relu", negative_slope = 0.3 }'
LOSS = "loss = 1e-3"


def task(name: str, more: str = "batch = 4", text: str = GOOD) -> str:
    """The good study with another task."""
    old = f'name = "relu"\n{TASK}'
    assert text.count(old) == 1
    return text.replace(old, f"name = {name}\n{more}")


def train(text: str) -> str:
    """The good study with more lines in [train]."""
    return changed("steps = 50", f"steps = 50\n{text}")


def network(hidden: str, text: str) -> str:
    """The good study with other widths and more lines in [network]."""
    return changed("[4]", f"{hidden}\n{text}")


def optimizer(text: str) -> str:
    return changed(ADAM, text)


def activation(text: str) -> str:
    return changed(LEAKY, text)


def init(text: str) -> str:
    return changed('"he_normal"', text)


def criterion(text: str) -> str:
    return changed(LOSS, text)


def schedule(text: str) -> str:
    return train(f"schedule = {text}")


NESTED = '{ name = "sequential", schedules = ["constant", "linear"], milestones = [3] }'
ONE_HOT = '{ name = "xor", one_hot = true }'
INIT, ACTIVATION, OPTIMIZER = "$.vary.init[1]", "$.vary.activation[1]", "$.vary.optimizer[1]"


def probe(points: str, name: str = '"relu"') -> str:
    """The good study, asking its networks at some points."""
    return task(name, f"batch = 4\nprobe = {points}")


BAD_OPTIONS = [
    # probes
    BadFile(
        "a probe of two numbers for one input",
        probe("[0.5, [0.1, 0.5]]"),
        "$.task.probe[1]",
        ("[0.1, 0.5] is not a point", "1 input", "give a number for each point"),
    ),
    BadFile(
        "a probe of one number for two inputs",
        probe("[[0.1, 0.5], 0.5]", '"distance"'),
        "$.task.probe[1]",
        ("0.5 is not a point", "2 inputs", "give a list of 2 numbers"),
    ),
    BadFile(
        "a probe that float32 cannot hold",
        probe("[1, 1e39]"),
        "$.task.probe[1]",
        ("1e+39 is too large for float32", 'precision = "float64"'),
    ),
    BadFile("a probe of text", probe('["middle"]'), "$.task.probe[0]", ('"middle" is not',)),
    BadFile("a probe that is no list", probe("0.5"), "$.task.probe", ("0.5 is not a list of points",)),
    BadFile("no probes", probe("[]"), "$.task.probe", ("[] is not a list of points",)),
    BadFile(
        "a probe of nothing", probe("[[]]"), "$.task.probe[0]", ("[] is not a point", "a number or a list of numbers")
    ),
    BadFile("a probe of nan", probe("[nan]"), "$.task.probe[0]", ("nan is not a point",)),
    BadFile("a probe twice", probe("[1, [1]]"), "$.task.probe[1]", ("[1.0] is there already, as point 1",)),
    # criteria
    BadFile(
        "an accuracy of real targets",
        criterion("accuracy = 1"),
        "$.converge.accuracy",
        ("1 needs targets of 0 or 1", '"relu" are numbers', "give loss"),
    ),
    BadFile("an accuracy in percent", criterion("accuracy = 90"), "$.converge.accuracy", ("90 is not", "from 0 to 1")),
    BadFile(
        "a goal of the wrong length",
        criterion("weights = { target = [1, 2], within = 0.1 }"),
        "$.converge.weights.target",
        ("[1.0, 2.0] has 2 numbers", "13 parameters", "one for each"),
    ),
    BadFile(
        "a goal without a distance",
        criterion("weights = { target = [1, 2] }"),
        "$.converge.weights.within",
        ("missing", "a number of 0 or more"),
    ),
    BadFile("a goal of numbers alone", criterion("weights = [1, 2]"), "$.converge.weights", ("[1, 2] is not a table",)),
    # losses and their targets
    BadFile(
        "softmax of one output",
        task('"xor"', text=train('loss = "softmax_cross_entropy"')),
        "$.train.loss",
        ("softmax_cross_entropy", "a column of targets for each class", "one_hot", '"xor" are 0 or 1', "mse"),
    ),
    BadFile(
        "cross entropy of real targets",
        train('loss = "binary_cross_entropy"'),
        "$.train.loss",
        ("targets of 0 or 1", '"relu" are numbers', "mse, mae, huber, log_cosh"),
    ),
    BadFile(
        "hinge for some cells",
        GOOD + '"train.loss" = ["mse", "hinge"]\n',
        '$.vary."train.loss"[1]',
        ("-1 or 1", "mse, mae, huber, log_cosh", "and 7 more"),
    ),
    BadFile(
        "a loss's bound", train('loss = { name = "huber", delta = 0 }'), "$.train.loss.delta", ("0 is not", "above 0")
    ),
    # the network
    BadFile(
        "a sum of two outputs",
        task(ONE_HOT, text=network("[4]", 'output = "sum"')),
        "$.network.output",
        ('"sum" gives one output', '"xor" has 2', '"linear"'),
    ),
    BadFile(
        "a sum of nothing",
        network("[]", 'output = "sum"'),
        "$.network.output",
        ('"sum" adds the last hidden units', "hidden = []", "give widths"),
    ),
    BadFile(
        "a sum with a parameter", network("[4]", 'output = { name = "sum", a = 1 }'), "$.network.output.a", ("sum",)
    ),
    BadFile(
        "an output that is none",
        network("[4]", 'output = "softmax"'),
        "$.network.output",
        ('"softmax" is not an output', "linear, activation, sum, relu"),
    ),
    BadFile(
        "dropout for other layers",
        network("[4, 3]", "dropout = [0.1]"),
        "$.network.dropout",
        ("[0.1] is not a list of 2", "each hidden layer", "one number"),
    ),
    BadFile(
        "dropout of everything", network("[4]", "dropout = 1"), "$.network.dropout", ("1 is not a rate", "below 1")
    ),
    BadFile(
        "dropout below nothing", network("[4]", "dropout = [-0.1]"), "$.network.dropout[0]", ("-0.1 is not a rate",)
    ),
    # the options of training
    BadFile(
        "a norm that is never known",
        train('clip_norm = 1\nbackward = "after_update"'),
        "$.train.clip_norm",
        ("1 does not go with", '"after_update"', "give clip_value"),
    ),
    BadFile("a norm of zero", train("clip_norm = 0"), "$.train.clip_norm", ("0 is not a number above 0",)),
    BadFile("a negative limit", train("clip_value = -1"), "$.train.clip_value", ("-1 is not a number above 0",)),
    BadFile("negative noise", changed(TASK, f"{TASK}\nnoise = -0.1"), "$.task.noise", ("-0.1", "0 or more")),
    BadFile(
        "an unknown regularizer", train('regularizer = "l3"'), "$.train.regularizer", ("l1, l2, l1_l2, repulsion",)
    ),
    BadFile(
        "a number for a regularizer",
        train("regularizer = 0.01"),
        "$.train.regularizer",
        ("0.01 is not a regularizer", "a name, or a table"),
    ),
    # schedules
    BadFile("an unknown schedule", schedule('"cosin"'), "$.train.schedule", ('did you mean "cosine"',)),
    BadFile(
        "a schedule without its steps",
        schedule('"step"'),
        "$.train.schedule.step_size",
        ("missing", "step needs step_size", "an integer of 1 or more"),
    ),
    BadFile(
        "a schedule within two",
        schedule(f'{{ name = "chained", schedules = ["constant", {NESTED}] }}'),
        "$.train.schedule.schedules[1]",
        ('"sequential" is not', "constant, step, exponential, cosine, linear"),
    ),
    BadFile(
        "milestones that do not ascend",
        schedule('{ name = "sequential", schedules = ["constant", "linear", "cosine"], milestones = [5, 5] }'),
        "$.train.schedule",
        ("milestones must ascend", "[5, 5]"),
    ),
    BadFile(
        "too few milestones",
        schedule('{ name = "sequential", schedules = ["constant", "linear", "cosine"], milestones = [5] }'),
        "$.train.schedule",
        ("3 schedules need 2 milestones", "got 1"),
    ),
    BadFile(
        "a piece of a schedule misspelt",
        schedule('{ name = "chained", schedules = ["constant", "liner"] }'),
        "$.train.schedule.schedules[1]",
        ('did you mean "linear"',),
    ),
    BadFile(
        "one schedule for a list",
        schedule('{ name = "chained", schedules = "constant" }'),
        "$.train.schedule.schedules",
        ('"constant" is not a list of', 'write ["constant"]'),
    ),
    # tasks
    BadFile(
        "inputs of spirals",
        task('"spirals"', 'batch = 4\ninput = "normal"'),
        "$.task.input",
        ('"normal"', '"spirals"', "makes its inputs itself", "leave input out"),
    ),
    BadFile("a majority with ties", task('{ name = "majority", n = 4 }'), "$.task.name", ("n must be odd", "n=4")),
    BadFile("too many bits", task('{ name = "parity", n = 17 }'), "$.task.name.n", ("17 is not", "from 1 to 16")),
    BadFile("true below false", task('{ name = "xor", low = 1, high = 0 }'), "$.task.name", ("below high", "low=1.0")),
    BadFile("more than four corners", task('"xor"', "batch = 5"), "$.task.batch", ("5 is more than the 4 points",)),
    BadFile(
        "a polynomial of nothing",
        task('{ name = "polynomial", coefficients = [] }'),
        "$.task.name.coefficients",
        ("[] is not a list of 1 to 64 numbers",),
    ),
    BadFile(
        "a teacher of another kind",
        task('{ name = "teacher", activation = "gelu" }'),
        "$.task.name.activation",
        ('"gelu" is not "tanh" or "relu"',),
    ),
    # activations
    BadFile(
        "a choice misspelt",
        activation('{ name = "gelu", approximate = "tahn" }'),
        f"{ACTIVATION}.approximate",
        ('"tahn" is not "none" or "tanh"', 'did you mean "tanh"'),
    ),
    BadFile(
        "bounds in the wrong order",
        activation('{ name = "hard_tanh", min_val = 1, max_val = -1 }'),
        ACTIVATION,
        ("min_val must be below max_val", "min_val=1.0"),
    ),
    BadFile(
        "slopes in the wrong order",
        activation('{ name = "rrelu", lower = 0.5, upper = 0.1 }'),
        ACTIVATION,
        ("lower must be at most upper", "upper=0.1"),
    ),
    BadFile(
        "a threshold without its value",
        activation('{ name = "threshold", threshold = 0 }'),
        f"{ACTIVATION}.value",
        ("missing", "threshold needs value, a number"),
    ),
    # inits
    BadFile(
        "an unknown gain",
        init('{ name = "glorot_normal", gain = "rleu" }'),
        f"{INIT}.gain",
        ('"rleu" is not a number above 0 or an activation', "linear, sigmoid, tanh, relu"),
    ),
    BadFile(
        "an unknown mode", init('{ name = "he_normal", mode = "fanin" }'), f"{INIT}.mode", ('did you mean "fan_in"',)
    ),
    BadFile("a share above one", init('{ name = "sparse", sparsity = 1.5 }'), f"{INIT}.sparsity", ("from 0 to 1",)),
    BadFile("a share that is missing", init('"sparse"'), f"{INIT}.sparsity", ("missing", "sparse needs sparsity")),
    BadFile(
        "orthogonal biases",
        init('{ name = "normal", bias = "orthogonal" }'),
        f"{INIT}.bias",
        ('"orthogonal" is not an init', "known: zeros"),
    ),
    BadFile(
        "an init on top of itself",
        init('{ name = "lsuv", init = "lsuv" }'),
        f"{INIT}.init",
        ('"lsuv" is not an init', "orthogonal"),
    ),
    BadFile(
        "a base with biases",
        init('{ name = "mirrored", init = { name = "normal", bias = "zeros" } }'),
        f"{INIT}.init.bias",
        ("normal has no parameter", "mean, std"),
    ),
    BadFile(
        "a grid that forgets a slope",
        changed(
            "[4]",
            '[]\nbias = false\noutput = "prelu"',
            '"he_normal"',
            '{ name = "grid", low = -3, high = 3, points = 9 }',
        ),
        f"{INIT}.points",
        ("[9] has 1 entries", "2 parameters"),
    ),
    # optimizers
    BadFile(
        "growth that shrinks",
        optimizer('{ name = "rprop", lr = 0.1, etas = [1.2, 0.5] }'),
        OPTIMIZER,
        ("between 0 and 1 and one above 1", "1.2 and 0.5"),
    ),
    BadFile(
        "a power above zero",
        optimizer('{ name = "ftrl", lr = 0.1, learning_rate_power = 1 }'),
        f"{OPTIMIZER}.learning_rate_power",
        ("1 is not a number of at most 0",),
    ),
    BadFile(
        "an optimizer's parameter by another name",
        optimizer('{ name = "adamw", lr = 0.1, wd = 1 }'),
        f"{OPTIMIZER}.wd",
        ("adamw has no parameter", "weight_decay"),
    ),
]
