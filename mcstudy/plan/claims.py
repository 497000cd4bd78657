"""The cells that the claims of a study speak of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mcstudy.errors import Fault, path_text, shown
from mcstudy.plan.settings import task_value
from mcstudy.spec import KEYS, Study
from mcstudy.spec.keys import Dotted
from mcstudy.spec.values import fits, settings


class Selection(NamedTuple):
    """The cells of one claim, as their positions in the plan.

    Attributes:
        cells: those it speaks of; of an order, those whose rate is said to be the higher one.
        others: of an order, those whose rate is said to be the lower one.
    """

    cells: tuple[int, ...]
    others: tuple[int, ...] = ()


class _Side:
    """One match of a claim: what it wants by dotted key, and the cells that fit."""

    def __init__(self, path: tuple[str | int, ...], *matches: tuple[Mapping[str, Any], Dotted | None]) -> None:
        self.path = path_text(path)
        self.raw = matches[-1][0]
        # Both have to fit, even where they name the same key.
        self.wanted = [
            (KEYS[name].dotted, value) for raw, table in matches for name, value in settings(raw, table).items()
        ]
        self.cells: list[int] = []

    def look(self, index: int, values: Mapping[str, Any]) -> None:
        if all(fits(wanted, task_value(values, key)) for key, wanted in self.wanted):
            self.cells.append(index)


class Selected:
    """Finds the cells of the claims of a study, which are shown one cell after the other."""

    def __init__(self, study: Study) -> None:
        self._claims: list[tuple[_Side, ...]] = []
        for i, (raw, claim) in enumerate(zip(study.without("vary").get("claim", []), study.claim, strict=True)):
            where = raw.get("where", {}), claim.where
            if claim.order is None:
                self._claims.append((_Side(("claim", i, "where"), where),))
                continue
            pairs = enumerate(zip(raw["order"], claim.order, strict=True))
            self._claims.append(tuple(_Side(("claim", i, "order", j), where, side) for j, side in pairs))

    def look(self, index: int, values: Mapping[str, Any]) -> None:
        """Show the next cell: what it is given in the end, by dotted key."""
        for sides in self._claims:
            for side in sides:
                side.look(index, values)

    @property
    def found(self) -> tuple[Selection, ...]:
        """The cells of each claim."""
        return tuple(Selection(*(tuple(side.cells) for side in sides)) for sides in self._claims)

    def faults(self, labels: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
        """The claims without cells, and the orders of cells with themselves.

        Args:
            labels: the labels of the levels of each varied key.
        """
        for sides in self._claims:
            empty = [side for side in sides if not side.cells]
            for side in empty:
                yield Fault(side.path, side.raw, unmatched(side.raw, [key for key, _ in side.wanted], labels))
            if not empty and len(sides) == 2 and sides[0].cells == sides[1].cells:
                message = f"{shown(sides[1].raw)} matches the same cells as the first match; their rates are equal"
                yield Fault(sides[1].path, sides[1].raw, f"{message}; name two groups that differ")


def unmatched(raw: Any, wanted: Sequence[str], labels: Mapping[str, Sequence[str]]) -> str:
    """The message of a match that fits no cell: it names the levels of the keys that it asks for.

    Args:
        raw: the match as written.
        wanted: the dotted keys it asks for.
        labels: the labels of the levels of each varied key.
    """
    varied = [key for key in labels if KEYS[key].dotted in wanted]
    levels = "".join(f"; {key} is varied over {', '.join(labels[key])}" for key in varied)
    return f"{shown(raw)} matches no cell{levels}"
