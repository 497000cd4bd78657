"""Study files that must be refused: what is wrong, where the message has to point, and what it has to say."""

from __future__ import annotations

from bad_claims import BAD_CLAIMS
from bad_file import GOOD, GRID, ROWS, TABLE, TASK, WHERE, BadFile, added, changed, table
from bad_options import BAD_OPTIONS
from bad_values import BAD_VALUES

__all__ = ["BAD_FILES", "GOOD", "ROWS", "TABLE", "BadFile"]

BAD_FILES = [
    *BAD_VALUES,
    *BAD_OPTIONS,
    *BAD_CLAIMS,
    # how settings go together
    BadFile("a full batch of fresh points", changed("batch = 10", 'batch = "all"'), "$.task.batch", ("fresh",)),
    BadFile("epochs of fresh points", changed("steps = 50", "epochs = 5"), "$.train.epochs", ("fresh", "steps")),
    BadFile("a size of fresh points", changed(TASK, TASK + "\nsize = 50"), "$.task.size", ("fresh", "trial")),
    BadFile("no size", changed('"fresh"', '"trial"'), "$.task.size", ("missing", "how many points")),
    BadFile(
        "a batch above the size",
        changed(TASK, 'samples = "trial"\nsize = 5\nbatch = 10'),
        "$.task.batch",
        ("10 is more than the 5 points",),
    ),
    BadFile(
        "too many to shuffle",
        changed(TASK, 'samples = "trial"\nsize = 70000\nbatch = 10'),
        "$.task.order",
        ("65536", "sequential"),
    ),
    BadFile(
        "inputs beside own points",
        changed('"relu"\n' + TASK, '"addition"\ninput = "normal"\nbatch = 1'),
        "$.task.input",
        ("own 6 points", "leave input out"),
    ),
    BadFile(
        "too many steps",
        changed(TASK, 'samples = "trial"\nsize = 1000\nbatch = 1', "steps = 50", "epochs = 9999999"),
        "$.train.epochs",
        ("9999999000 steps",),
    ),
    BadFile(
        "a grid for a larger network",
        changed('"he_normal"', GRID.format(high=3, points=100)),
        "$.vary.init[1].points",
        ("[100] has 1 entries", "13 parameters"),
    ),
    BadFile(
        "a grid with other bounds",
        changed('"he_normal"', GRID.format(high="[1, 2]", points=100), "[4]", "[]\nbias = false"),
        "$.vary.init[1].high",
        ("as long as points",),
    ),
    # [vary]
    BadFile(
        "an empty list of levels", changed('["normal", "he_normal"]', "[]"), "$.vary.init", ("at least one level",)
    ),
    BadFile("no list of levels", changed('["normal", "he_normal"]', '"normal"'), "$.vary.init", ('write ["normal"]',)),
    BadFile(
        "an unknown key to vary", added('"network.bais" = [true]'), '$.vary."network.bais"', ('mean "network.bias"',)
    ),
    BadFile("a key to vary without its table", added("bias = [true]"), "$.vary.bias", ('did you mean "network.bias"',)),
    BadFile(
        "a key to vary without quotes", added("network.bias = [true]"), "$.vary.network", ('"network.bias"', "quotes")
    ),
    BadFile(
        "a parameter to vary", added('"train.optimizer.lr" = [1]'), '$.vary."train.optimizer.lr"', ("whole settings",)
    ),
    BadFile(
        "a learning rate to vary",
        added("lr = [0.1, 0.2]"),
        "$.vary.lr",
        ('"lr" is a parameter', 'whole settings of "optimizer"', "lr = ..."),
    ),
    BadFile("trials to vary", added("trials = [1, 2]"), "$.vary.trials", ("whole study",)),
    BadFile("seeds to vary", added('"study.seed" = [1, 2]'), '$.vary."study.seed"', ("whole study",)),
    BadFile("a key to vary twice", added('"network.init" = ["zeros"]'), '$.vary."network.init"', ("the same key",)),
    BadFile(
        "steps and epochs to vary",
        added('"train.steps" = [1]\n"train.epochs" = [2]'),
        '$.vary."train.epochs"',
        ("exactly one",),
    ),
    BadFile(
        "a level of the wrong type", added('"network.hidden" = [[4], 8]'), '$.vary."network.hidden"[1]', ("write [8]",)
    ),
    BadFile(
        "a level twice",
        changed('"he_normal"', '"normal"'),
        "$.vary.init[1]",
        ("equal cells", '"relu, normal, sgd(lr=0.01)"'),
    ),
    BadFile(
        "a level twice in other words",
        changed("negative_slope = 0.3 }", 'negative_slope = 0.3 }, { name = "relu" }'),
        "$.vary.activation[2]",
        ("equal cells",),
    ),
    BadFile(
        "cells that turn out equal",
        changed(TASK, 'samples = "trial"\nsize = 10\nbatch = "all"') + '"task.order" = ["sequential", "shuffled"]',
        '$.vary."task.order"[1]',
        ("equal cells", "cell 1", "cell 2"),
    ),
    BadFile(
        "equal cells whose labels have quotes",
        changed(TASK, 'samples = "trial"\nsize = 10\nbatch = 10') + '"task.batch" = ["all", 10]',
        '$.vary."task.batch"[1]',
        ('"all" (cell 1) and', "10"),
    ),
    BadFile(
        "too many cells",
        added('"train.steps" = [' + ", ".join(map(str, range(20_000))) + "]"),
        "$.vary",
        ("160000 cells", "100000"),
    ),
    # [[where]]
    BadFile(
        "a block that matches nothing",
        added(WHERE.replace("relu", "elu")),
        "$.where[0].match",
        ("matches no cell", "leaky_relu(negative_slope=0.3)"),
    ),
    BadFile(
        "a block that matches nothing by a table",
        added(WHERE.replace('"relu"', '{ name = "leaky_relu" }')),
        "$.where[0].match",
        ("matches no cell",),
    ),
    BadFile(
        "a block without a match",
        added(WHERE.replace('match = { activation = "relu" }', "")),
        "$.where[0].match",
        ("missing",),
    ),
    BadFile(
        "a block that sets nothing", added(WHERE.replace('"train.steps" = 60', "")), "$.where[0].set", ("sets nothing",)
    ),
    BadFile(
        "a block that sets a varied key",
        added(WHERE.replace('"train.steps" = 60', 'init = "zeros"')),
        "$.where[0].set.init",
        ("varied",),
    ),
    BadFile(
        "a block that sets steps and epochs",
        added(WHERE.replace("60", '60, "train.epochs" = 3')),
        '$.where[0].set."train.epochs"',
        ("keep one",),
    ),
    BadFile(
        "a block with a wrong value", added(WHERE.replace("60", '"60"')), '$.where[0].set."train.steps"', ("quotes",)
    ),
    BadFile(
        "a block with an unknown key",
        added(WHERE.replace("train.steps", "train.step")),
        '$.where[0].set."train.step"',
        ('did you mean "train.steps"',),
    ),
    BadFile(
        "a block that matches an unknown part",
        added(WHERE.replace('"relu"', '"rleu"')),
        "$.where[0].match.activation",
        ('did you mean "relu"',),
    ),
    BadFile("a single bracket", added(WHERE.replace("[[where]]", "[where]")), "$.where", ("[[where]]",)),
    BadFile(
        "a cell that a block breaks",
        added(WHERE.replace('"train.steps" = 60', '"task.size" = 60')),
        '$.where[0].set."task.size"',
        ("fresh", "(cell relu, normal, sgd(lr=0.01) and 3 more)"),
    ),
    # tables of data
    BadFile("a table that is not there", TABLE, "$.task.name.file", ("no such file", "data.csv")),
    table(
        "a table of another kind",
        "$.task.name.file",
        (".csv, .parquet",),
        ROWS,
        TABLE.replace("data.csv", "study.toml"),
    ),
    table(
        "no such column",
        "$.task.name.inputs[0]",
        ('no column "z"', "its columns: x, y"),
        ROWS,
        TABLE.replace('"x"', '"z"'),
    ),
    table(
        "a column misspelt",
        "$.task.name.targets[0]",
        ('did you mean "yield"',),
        ROWS.replace(b"y", b"yield"),
        TABLE.replace('"y"', '"yeild"'),
    ),
    table(
        "text in a column",
        "$.task.name.targets[0]",
        ('column "y", data row 2: "three"',),
        ROWS.replace(b"3\n", b"three\n"),
    ),
    table("nan in a column", "$.task.name.inputs[0]", ('column "x", data row 2: "nan"',), ROWS.replace(b"2.5", b"nan")),
    table("inf in a column", "$.task.name.inputs[0]", ("data row 2", "finite"), ROWS.replace(b"2.5", b"1e999")),
    table("a hole in a column", "$.task.name.targets[0]", ('data row 3: ""',), ROWS.replace(b"4", b"")),
    table("a ragged row", "$.task.name.file", ("cannot be read",), ROWS.replace(b"2.5,", b"2.5,3,")),
    table("a header alone", "$.task.name.file", ("no rows",), b"x,y\n"),
    table("an empty table", "$.task.name.file", ("cannot be read",), b""),
    table(
        "no Parquet", "$.task.name.file", ("cannot be read",), ROWS, TABLE.replace("data.csv", "data.parquet")
    )._replace(beside={"data.parquet": ROWS}),
    table("a size of a table", "$.task.size", ("3 rows",), ROWS, TABLE.replace("batch = 2", "batch = 2\nsize = 3")),
    table(
        "fresh rows of a table",
        "$.task.samples",
        ("shared",),
        ROWS,
        TABLE.replace("batch = 2", 'batch = 2\nsamples = "trial"'),
    ),
    table(
        "inputs of a table", "$.task.input", ("table",), ROWS, TABLE.replace("batch = 2", 'batch = 2\ninput = "normal"')
    ),
    table("a batch above the rows", "$.task.batch", ("3 points",), ROWS, TABLE.replace("batch = 2", "batch = 4")),
    # what is valid, but comes later
    BadFile(
        "own parts",
        changed("seed = 7", 'seed = 7\nparts = ["mine.py"]'),
        "$.study.parts[0]",
        ("mine.py: there is no such file",),
    ),
    BadFile(
        "until with summaries",
        changed("seed = 7", 'seed = 7\nkeep = "summary"\nuntil = { half_width = 0.1 }'),
        "$.study.until",
        ('keep = "trials"', "leave one of the two out"),
    ),
    BadFile(
        "until nothing",
        changed("seed = 7", "seed = 7\nuntil = {}"),
        "$.study.until",
        ("says nothing", "give half_width or decided"),
    ),
    BadFile(
        "until two things",
        changed("seed = 7", "seed = 7\nuntil = { decided = 0.02, half_width = 0.005 }"),
        "$.study.until",
        ("half_width and decided are both given", "keep exactly one"),
    ),
    BadFile(
        "until with claims",
        changed("seed = 7", "seed = 7\nuntil = { half_width = 0.05 }")
        + '\n[[claim]]\nwhere = {}\nrate = 0.5\nsource = "a book"\n',
        "$.study.until",
        ("goes without claims", "leave one of the two out"),
    ),
    BadFile(
        "until something else",
        changed("seed = 7", "seed = 7\nuntil = { halfwidth = 0.005 }"),
        "$.study.until.halfwidth",
        ("unknown key", "half_width"),
    ),
    BadFile(
        "until too much",
        changed("seed = 7", "seed = 7\nuntil = { half_width = 0.5 }"),
        "$.study.until.half_width",
        ("0.5 is not a number",),
    ),
]
