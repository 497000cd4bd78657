"""Faulty studies: the file itself, its tables and keys, parts, numbers and words."""

from __future__ import annotations

from bad_file import FOLDER, GOOD, MISSING, TASK, BadFile, added, changed

BAD_VALUES = [
    # the file
    BadFile("a folder", FOLDER, "$", ("folder", "TOML file")),
    BadFile("no such file", MISSING, "$", ("no such file",)),
    BadFile("no TOML", changed("trials = 100", "trials 100"), "line 4, column 8", ("not TOML", "trials 100")),
    BadFile("an open string", changed('"good"', '"good'), "line 2, column 13", ("not TOML",)),
    BadFile("an open list at the end", added('x = ["a"'), "line 24, column 9", ("not TOML",)),
    BadFile("a key twice", changed("seed = 7", "seed = 7\nseed = 8"), "line 4, column 9", ("not TOML", "seed")),
    BadFile("no UTF-8", GOOD.encode().replace(b"good", b"g\xf6\xf6d"), "$", ("UTF-8", "byte 17")),
    BadFile("a PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "$", ("UTF-8",)),
    BadFile("zero bytes", b"\0\0\0\0", "line 1, column 1", ("not TOML",)),
    BadFile("deep nesting", "a = " + "[" * 100_000, "$", ("nested too deeply",)),
    BadFile("endless digits", changed("seed = 7", "seed = " + "7" * 5000), "$", ("cannot be read", "digits")),
    # [study]
    BadFile("no [study]", GOOD[GOOD.index("[task]") :], "$.study", ("missing", "name, seed, trials")),
    BadFile("no name", changed('name = "good"\n', ""), "$.study.name", ("missing", "letters")),
    BadFile("a name with a space", changed('"good"', '"too good"'), "$.study.name", ('"too good"', "letters, digits")),
    BadFile("a name that leaves the folder", changed('"good"', '"../good"'), "$.study.name", ("letters, digits",)),
    BadFile("a name with a line end", changed('"good"', '"good\\n"'), "$.study.name", ("letters, digits",)),
    BadFile("no seed", changed("seed = 7\n", ""), "$.study.seed", ("missing", "from 0 to 2^63-1")),
    BadFile("a negative seed", changed("seed = 7", "seed = -1"), "$.study.seed", ("-1", "from 0 to 2^63-1")),
    BadFile("a seed of 64 bits", changed("seed = 7", "seed = 9223372036854775808"), "$.study.seed", ("2^63-1",)),
    BadFile("no trials", changed("trials = 100", "trials = 0"), "$.study.trials", ("0 is not", "from 1 to 10^12")),
    BadFile("text for a number", changed("trials = 100", 'trials = "100"'), "$.study.trials", ("without quotes",)),
    BadFile("a fraction of trials", changed("trials = 100", "trials = 99.5"), "$.study.trials", ("99.5", "integer")),
    BadFile("true for a number", changed("trials = 100", "trials = true"), "$.study.trials", ("true", "integer")),
    BadFile("an unknown key of the study", changed("seed = 7", "seed = 7\nsede = 8"), "$.study.sede", ('mean "seed"',)),
    BadFile("a list for a table", "study = [1]", "$.study", ("[1] is not a table",)),
    BadFile(
        "a baseline that is no level",
        changed("seed = 7", 'seed = 7\nbaseline = { activation = "elu" }'),
        "$.study.baseline.activation",
        ('"elu"', "not a level", '"relu"'),
    ),
    BadFile(
        "a baseline of a key that does not vary",
        changed("seed = 7", 'seed = 7\nbaseline = { "network.bias" = true }'),
        '$.study.baseline."network.bias"',
        ("not varied", "activation, init, optimizer"),
    ),
    BadFile("keep nothing", changed("seed = 7", 'seed = 7\nkeep = "none"'), "$.study.keep", ('"trials" or "summary"',)),
    # tables and keys
    BadFile("an unknown table", changed("[network]", "[netwrok]"), "$.netwrok", ('did you mean "network"',)),
    BadFile("an unknown key", changed("hidden = [4]", "hiden = [4]"), "$.network.hiden", ('did you mean "hidden"',)),
    BadFile(
        "a key in the wrong table", changed("hidden = [4]", "hidden = [4]\nbatch = 3"), "$.network.batch", ("[task]",)
    ),
    BadFile("a key outside tables", "steps = 5\n" + GOOD, "$.steps", ("[train]",)),
    BadFile("no hidden", changed("hidden = [4]", ""), "$.network.hidden", ("missing", "[network]", "[vary]")),
    BadFile(
        "no optimizer",
        changed('optimizer = [{ name = "sgd", lr = 0.01 }, { name = "adam", lr = 0.001 }]', ""),
        "$.train.optimizer",
        ("missing", "optimizer in [vary]"),
    ),
    BadFile("no batch", changed("batch = 10", ""), "$.task.batch", ("missing", "[task]")),
    BadFile(
        "no criterion",
        changed("loss = 1e-3", ""),
        "$.converge.loss",
        ("give loss or accuracy or weights in [converge]",),
    ),
    # parts
    BadFile("a near miss", changed('"he_normal"', '"he_normall"'), "$.vary.init[1]", ('did you mean "he_normal"',)),
    BadFile("capitals", changed('["relu"', '["ReLU"'), "$.vary.activation[0]", ('did you mean "relu"',)),
    BadFile("an unknown task", changed('name = "relu"', 'name = "xyzzy"'), "$.task.name", ("not a task; known: relu",)),
    BadFile(
        "an unknown parameter", changed("negative_slope", "slope"), "$.vary.activation[1].slope", ("negative_slope",)
    ),
    BadFile(
        "a parameter of a part without any",
        changed('["relu"', '[{ name = "tanh", a = 1 }'),
        "$.vary.activation[0].a",
        ("tanh has no parameter", "no parameters"),
    ),
    BadFile("a part without a name", changed('name = "sgd", ', ""), "$.vary.optimizer[0]", ("no name", "sgd")),
    BadFile("a number for a part", changed('"he_normal"', "3"), "$.vary.init[1]", ("3 is not an init", "he_normal")),
    BadFile("no learning rate", changed('"sgd", lr = 0.01', '"sgd"'), "$.vary.optimizer[0].lr", ("missing", "above 0")),
    BadFile(
        "an optimizer by its bare name",
        changed('{ name = "sgd", lr = 0.01 }', '"sgd"'),
        "$.vary.optimizer[0].lr",
        ("missing", "sgd needs lr"),
    ),
    BadFile(
        "a negative learning rate", changed("lr = 0.01", "lr = -0.01"), "$.vary.optimizer[0].lr", ("-0.01", "above 0")
    ),
    BadFile("a learning rate of zero", changed("lr = 0.01", "lr = 0"), "$.vary.optimizer[0].lr", ("above 0",)),
    BadFile("an infinite learning rate", changed("lr = 0.01", "lr = inf"), "$.vary.optimizer[0].lr", ("inf", "finite")),
    BadFile("a learning rate of nan", changed("lr = 0.01", "lr = nan"), "$.vary.optimizer[0].lr", ("nan",)),
    BadFile(
        "a single beta", changed("lr = 0.001", "lr = 0.001, betas = [0.9]"), "$.vary.optimizer[1].betas", ("2 numbers",)
    ),
    BadFile(
        "a beta of one",
        changed("lr = 0.001", "lr = 0.001, betas = [0.9, 1]"),
        "$.vary.optimizer[1].betas[1]",
        ("below 1",),
    ),
    BadFile(
        "nesterov without momentum",
        changed("lr = 0.01", "lr = 0.01, nesterov = true"),
        "$.vary.optimizer[0]",
        ("momentum",),
    ),
    BadFile("a date", changed("lr = 0.01", "lr = 1979-05-27"), "$.vary.optimizer[0].lr", ("1979-05-27", "number")),
    BadFile(
        "a bias's init with a bias",
        changed('"he_normal"', '{ name = "normal", bias = { name = "zeros", bias = 1 } }'),
        "$.vary.init[1].bias.bias",
        ("zeros has no parameter",),
    ),
    BadFile(
        "a grid for the biases",
        changed('"he_normal"', '{ name = "normal", bias = "grid" }'),
        "$.vary.init[1].bias",
        ('"grid" is not an init',),
    ),
    BadFile(
        "an input without a bound",
        changed(TASK, TASK + '\ninput = { name = "uniform", low = 0 }'),
        "$.task.input.high",
        ("missing", "uniform needs high, a number"),
    ),
    BadFile(
        "an input of nothing",
        changed(TASK, TASK + '\ninput = { name = "uniform", low = 1, high = 1 }'),
        "$.task.input",
        ("low must be below high",),
    ),
    # numbers and words
    BadFile(
        "both steps and epochs", changed("steps = 50", "steps = 50\nepochs = 5"), "$.train.epochs", ("exactly one",)
    ),
    BadFile("neither steps nor epochs", changed("steps = 50", ""), "$.train.steps", ("missing", "steps or epochs")),
    BadFile("negative steps", changed("steps = 50", "steps = -1"), "$.train.steps", ("from 0",)),
    BadFile("a width of zero", changed("[4]", "[4, 0]"), "$.network.hidden[1]", ("0 is not", "from 1")),
    BadFile("a bare width", changed("[4]", "4"), "$.network.hidden", ("list of widths", "write [4]")),
    BadFile("one for true", changed("[4]", "[4]\nbias = 1"), "$.network.bias", ("1 is not true or false",)),
    BadFile("a batch of nothing", changed("batch = 10", "batch = 0"), "$.task.batch", ("from 1", '"all"')),
    BadFile("a batch of a word", changed("batch = 10", 'batch = "full"'), "$.task.batch", ('"full"', '"all"')),
    BadFile("samples misspelt", changed('"fresh"', '"frehs"'), "$.task.samples", ('did you mean "fresh"',)),
    BadFile(
        "a precision that is none",
        changed("steps = 50", 'steps = 50\nprecision = "float16"'),
        "$.train.precision",
        ('"float32" or "float64"',),
    ),
    BadFile("a negative loss", changed("loss = 1e-3", "loss = -1"), "$.converge.loss", ("0 or more",)),
    BadFile(
        "checks every zero steps", changed("loss = 1e-3", "loss = 1e-3\nevery = 0"), "$.converge.every", ("from 1",)
    ),
]
