"""Faulty studies: what others published."""

from __future__ import annotations

from bad_file import BadFile, added

RELU = 'where = { activation = "relu" }\n'
SOURCE = 'source = "a paper"\n'


def claim(text: str, source: str = SOURCE, where: str = RELU) -> str:
    """The good study with a claim."""
    return added(f"\n[[claim]]\n{where}{source}{text}\n")


BAD_CLAIMS = [
    BadFile("a claim that is no table", "claim = 3\n" + added(""), "$.claim", ("3 is not", "[[claim]]")),
    BadFile(
        "a list of numbers as claims",
        "claim = [3]\n" + added(""),
        "$.claim[0]",
        ("3 is not a table", "source = ..."),
    ),
    BadFile("a claim that says nothing", claim(""), "$.claim[0]", ("missing", "rate, steps_median, order, at_least")),
    BadFile("a claim without a source", claim("rate = 0.5", ""), "$.claim[0].source", ("missing", "[[claim]]")),
    BadFile(
        "a claim without cells", claim("rate = 0.5", where=""), "$.claim[0].where", ("missing", "where", "{} for all")
    ),
    BadFile("a rate in percent", claim("rate = 50"), "$.claim[0].rate", ("50 is not", "from 0 to 1")),
    BadFile("a rate as text", claim('rate = "half"'), "$.claim[0].rate", ('"half"', "a number from 0 to 1")),
    BadFile("a negative median", claim("steps_median = -1"), "$.claim[0].steps_median", ("-1", "0 or more")),
    BadFile("a negative margin", claim("rate = 0.5\nwithin = -1"), "$.claim[0].within", ("-1", "0 or more")),
    BadFile("no published trials", claim("rate = 0.5\ntrials = 0"), "$.claim[0].trials", ("0 is not", "an integer")),
    BadFile("a misspelt statement", claim("rates = 0.5"), "$.claim[0].rates", ('did you mean "rate"',)),
    BadFile(
        "two statements",
        claim("rate = 0.5\nsteps_median = 40"),
        "$.claim[0].steps_median",
        ("rate = 0.5 and steps_median = 40", "another [[claim]]"),
    ),
    BadFile(
        "a rate and a bound",
        claim("rate = 0.5\nat_most = 0.6"),
        "$.claim[0].at_most",
        ("two statements", "at_most = 0.6"),
    ),
    BadFile(
        "bounds the wrong way round",
        claim("at_least = 0.6\nat_most = 0.5"),
        "$.claim[0].at_least",
        ("0.6 is not below at_most = 0.5", "rate"),
    ),
    BadFile(
        "the share of no outcome",
        claim('rate = 0.5\noutcome = "deed"'),
        "$.claim[0].outcome",
        ('mean "dead"', "constant"),
    ),
    BadFile(
        "the steps of the dead",
        claim('steps_median = 5\noutcome = "dead"'),
        "$.claim[0].outcome",
        ("does not go with steps_median", "leave it out"),
    ),
    BadFile(
        "an order of three",
        claim('order = [{ init = "normal" }, { init = "he_normal" }, {}]'),
        "$.claim[0].order",
        ("a list of two matches",),
    ),
    BadFile(
        "an order of unknown keys",
        claim('order = [{ init = "normal" }, { inti = "he_normal" }]'),
        "$.claim[0].order[1].inti",
        ('"init"',),
    ),
    BadFile(
        "an order of a sample",
        claim('order = [{ init = "normal" }, { init = "he_normal" }]\ntrials = 5'),
        "$.claim[0].trials",
        ("does not go with order",),
    ),
    BadFile(
        "an order of cells with themselves",
        claim('order = [{ init = "normal" }, { init = { name = "normal", std = 1.0 } }]'),
        "$.claim[0].order[1]",
        ("the same cells",),
    ),
    BadFile(
        "an order without one of its sides",
        claim('order = [{ init = "normal" }, { init = "zeros" }]'),
        "$.claim[0].order[1]",
        ('init = "zeros"', "matches no cell", "init is varied over normal, he_normal"),
    ),
    BadFile(
        "a claim on no cell",
        claim("rate = 0.5", where='where = { activation = { name = "leaky_relu", negative_slope = 0.1 } }\n'),
        "$.claim[0].where",
        ("matches no cell", "activation is varied over relu, leaky_relu(negative_slope=0.3)"),
    ),
    BadFile(
        "a claim on a part that is none",
        claim("rate = 0.5", where='where = { activation = "reluu" }\n'),
        "$.claim[0].where.activation",
        ('did you mean "relu"',),
    ),
]
