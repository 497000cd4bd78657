"""`[[claim]]`: what somebody published about some cells of a study, to be graded by its trials."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from mcstudy.errors import Fault, path_text, shown
from mcstudy.outcomes import OUTCOMES
from mcstudy.spec import kinds
from mcstudy.spec.keys import Match
from mcstudy.spec.sections import Strict

SHARES: Final = (*OUTCOMES, "constant")
"""The trials whose share a claim can speak of: those of an outcome, or those that failed with a constant output."""

STATEMENTS: Final = ("rate", "steps_median", "order", "at_least", "at_most")
"""The keys of which a claim has one; `at_least` and `at_most` may stand together."""

BOUNDS: Final = ("at_least", "at_most")

_share = kinds.number(ge=0, le=1)


class Claim(Strict):
    """`[[claim]]`: a published result to compare with.

    Exactly one statement: `rate`, `steps_median`, `order`, or a bound or two (`at_least`, `at_most`). What counts for
    `where` and `order` is what a cell is in the end, with what `[[where]]` sets.
    """

    where: Match | None = Field(  # type: ignore[valid-type]
        default=None, description="The cells it speaks of; {} for all. May be left out beside order."
    )
    rate: Annotated[float | None, _share] = Field(default=None, description="The share that converges.")
    at_least: Annotated[float | None, _share] = Field(default=None, description="The smallest share that converges.")
    at_most: Annotated[float | None, _share] = Field(default=None, description="The largest share that converges.")
    steps_median: Annotated[float | None, kinds.number(ge=0)] = Field(
        default=None, description="The median of the steps of the converged."
    )
    order: Annotated[tuple[Any, ...] | None, kinds.listing(Match, "a list of two matches", 2, 2)] = Field(
        default=None, description="Two matches, the first with the higher rate."
    )
    outcome: Annotated[str, kinds.word(*SHARES)] = Field(
        default="converged", description="The trials whose share rate, at_least and at_most mean."
    )
    trials: Annotated[int | None, kinds.integer(ge=1)] = Field(
        default=None, description="Trials of the published sample (for steps_median: those that converged)."
    )
    within: Annotated[float | None, kinds.number(ge=0)] = Field(
        default=None, description="The largest difference that does not count."
    )
    source: Annotated[str, kinds.text()] = Field(description="Where it was published.")

    @property
    def statement(self) -> str:
        """The key of `STATEMENTS` that it gives; at_least where it gives both bounds."""
        return next(name for name in ("rate", "steps_median", "order", *BOUNDS) if getattr(self, name) is not None)


def claim_faults(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """What is wrong between the keys of a claim.

    Args:
        blocks: the claims as written.
    """
    for i, block in enumerate(blocks):
        given = [name for name in STATEMENTS if name in block]
        bounds = [name for name in given if name in BOUNDS]
        if not given:
            listed = f"{', '.join(STATEMENTS[:-1])} or {STATEMENTS[-1]}"
            yield Fault(path_text(("claim", i)), block, f"missing; [[claim]] needs a statement: {listed}")
            continue
        if len(given) > 1 and given != list(BOUNDS):
            other = next(name for name in given[1:] if not {given[0], name} <= set(BOUNDS))
            both = f"{given[0]} = {shown(block[given[0]])} and {other} = {shown(block[other])}"
            advice = "keep one, and write another [[claim]] for the other"
            yield Fault(path_text(("claim", i, other)), block[other], f"{both} are two statements; {advice}")
            continue
        if len(bounds) == 2 and _numbers(block, bounds) and not block["at_least"] < block["at_most"]:
            both = f"at_least = {shown(block['at_least'])} is not below at_most = {shown(block['at_most'])}"
            yield Fault(path_text(("claim", i, "at_least")), block["at_least"], f"{both}; for one number write rate")
        if "where" not in block and "order" not in given:
            message = "missing; [[claim]] needs where, what its cells have to be; {} for all cells"
            yield Fault(path_text(("claim", i, "where")), None, message)
        if "trials" in block and "order" in given:
            why = "does not go with order, which says nothing of a sample; leave it out"
            yield Fault(path_text(("claim", i, "trials")), block["trials"], f"{shown(block['trials'])} {why}")
        if block.get("outcome", "converged") != "converged" and given[0] in ("order", "steps_median"):
            why = f"does not go with {given[0]}, which speaks of the trials that converge; leave it out"
            yield Fault(path_text(("claim", i, "outcome")), block["outcome"], f"{shown(block['outcome'])} {why}")


def _numbers(block: Mapping[str, Any], names: Sequence[str]) -> bool:
    values = [block[name] for name in names]
    return all(isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)) for value in values)
