"""Three parts of one's own for own_parts.toml; the help of `mcstudy.parts` says what else there is."""

from mcstudy.parts import activation, init, log, sigmoid, sqrt, task, where


@activation(beta=1.0)  # parameters with their defaults; the formula below goes into reports
def swish(z, beta):
    """z · sigmoid(beta · z)"""
    s = sigmoid(beta * z)
    return z * s, s + beta * z * s * (1.0 - s)  # f(z), and its derivative


@task(input={"name": "uniform", "low": -1, "high": 1}, labels="binary", inner=0.4, outer=0.8)
def ring(x, y, inner, outer):  # the inputs, then the parameters
    """1 in a ring around the origin, else 0"""
    r = sqrt(x * x + y * y)
    return where((r > inner) & (r < outer), 1.0, 0.0)  # not `if`: every argument holds the numbers of many trials


@init(scale=1.0)
def laplace(u, fan_in, fan_out, scale):  # u: uniform between 0 and 1, one for each weight
    """Laplace(0, scale / √fan_in): heavier tails than a normal"""
    tail = log(where(u < 0.5, 2.0 * u, 2.0 - 2.0 * u))
    return where(u < 0.5, tail, -tail) * scale / sqrt(fan_in)
