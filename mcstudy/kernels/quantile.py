"""The inverse of the normal distribution function, for packs of float64."""

from __future__ import annotations

import math
from typing import Any

from mcstudy import jit
from mcstudy.kernels.elementary import log
from mcstudy.kernels.pack import absolute, copysign, polynomial, sqrt, where

# M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988)
# 477-484, routine PPND16: quotients of polynomials, lowest power first, near the centre (A/B), in the tails (C/D)
# and where less than exp(-25) is left (E/F).
_a = polynomial(
    single=(),
    double=(
        3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
        4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
    ),
)  # fmt: skip
_b = polynomial(
    single=(),
    double=(
        1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
        2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
    ),
)  # fmt: skip
_c = polynomial(
    single=(),
    double=(
        1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
        1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ),
)  # fmt: skip
_d = polynomial(
    single=(),
    double=(
        1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
        1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
    ),
)  # fmt: skip
_e = polynomial(
    single=(),
    double=(
        6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
        2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
    ),
)  # fmt: skip
_f = polynomial(
    single=(),
    double=(
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
        7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
    ),
)  # fmt: skip


@jit.routine
def normal_quantile(u: Any) -> Any:
    """The number below which a standard normal falls with probability u; -inf of 0, inf of 1, nan outside [0, 1].

    Relative error near 1e-15 everywhere, for u close to 1/2 too. Only for packs of float64.
    """
    q = u - 0.5
    square = 0.180625 - q * q
    left = where(q > 0.0, 1.0 - u, u)
    r = sqrt(-log(left))
    near, far = r - 1.6, r - 5.0
    central, extreme = absolute(q) <= 0.425, r > 5.0
    top = where(central, q * _a(square), where(extreme, _e(far), _c(near)))
    bottom = where(central, _b(square), where(extreme, _f(far), _d(near)))
    quantile = where(left == 0.0, math.inf, top / bottom)
    return where(central, quantile, copysign(quantile, q))
