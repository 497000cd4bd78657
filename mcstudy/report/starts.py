"""Which starts fail, in words and a table: counts of trials by the signs of the parameters that they start from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from mcstudy.closeup.starts import MOST_PARAMETERS, Condition, Count, Signs, Starts
from mcstudy.report import words
from mcstudy.report.document import Block, Bullets, Code, Inline, Paragraph, Table, Text

_ROWS = 36
"""Rows of the table."""
_PARTS, _CONDITIONS = 4, 3
"""Products of levels that a sentence names its cells by, and conditions that it lists, at most."""
_LEAST, _SHARE = 30, 0.01
"""Trials, and share of all, that a condition takes to be worth a word: from few, all may fail by chance."""


class _Finding(NamedTuple):
    """What can be said of a cell: the kind of sentence, and the conditions in it."""

    kind: str
    fatal: tuple[Condition, ...] = ()
    safe: tuple[Condition, ...] = ()


def starts(closeup: Starts, _: tuple[str, ...]) -> list[Block]:
    """A sentence for each kind of result, grouped over the cells of which it is true, and the table.

    Args:
        closeup: as `mcstudy.closeup.starts` makes it.
    """
    if not closeup.known:
        return []
    keys = tuple(closeup.known[0].labels)
    groups: dict[_Finding, list[Signs]] = {}
    for one in closeup.known:
        groups.setdefault(_finding(one), []).append(one)
    told = sorted(groups.items(), key=lambda group: list(_SENTENCES).index(group[0].kind))
    text = "Trials by the signs of their parameters at the start; a failure is a trial that did not converge. "
    if closeup.all > len(closeup.known):
        fewest = f"{words.count(len(closeup.known))} of the {words.count(closeup.all, 'cell')}"
        text = f"Of {fewest}, those of up to {MOST_PARAMETERS} parameters whose signs vary: t" + text[1:]
    sentences = tuple(_sentence(finding, group, closeup.known, keys) for finding, group in told)
    blocks: list[Block] = [Paragraph((text, *_names(closeup.known))), Bullets(sentences)]
    return blocks + _table(closeup.known, keys)


def _names(known: Sequence[Signs]) -> Iterator[Inline]:
    """What the names of the parameters stand for."""
    names = {name for one in known for name in one.names}
    meanings = {"w": "a weight", "b": "a bias", "a": "a slope of the activation"}
    found = [letter for letter in meanings if any(name[0] == letter for name in names)]
    yield from words.listed((Code(letter), f" is {meanings[letter]}") for letter in found)
    if any(name[1:2].isdigit() for name in names):
        yield "; the digit behind it is the layer, counted from 1"
    if any("[" in name for name in names):
        yield "; in brackets stand the unit and the input, counted from 0, where there are several"
    yield "."


def _finding(one: Signs) -> _Finding:
    everything = one.all
    if not everything.failed:
        return _Finding("none")
    if not everything.converged:
        return _Finding("every")
    counts = {condition: one.where(condition) for condition in one.conditions()}
    whole = [condition for condition, count in counts.items() if count.failed == everything.failed]
    if whole:
        narrowest = min(whole, key=lambda condition: counts[condition].trials)
        return _Finding("split" if counts[narrowest].converged else "cut", (narrowest,))
    least = max(_LEAST, _SHARE * everything.trials)
    fatal = [condition for condition, count in counts.items() if count.trials >= least and not count.converged]
    safe = [condition for condition, count in counts.items() if count.trials >= least and not count.failed]
    if fatal or safe:
        return _Finding("certain", *(_widest(found, counts) for found in (fatal, safe)))
    return _Finding("mixed", (_telling(one, counts),))


def _widest(found: Iterable[Condition], counts: Mapping[Condition, Count]) -> tuple[Condition, ...]:
    """Those that no other of them includes, those of most trials first."""
    kept: list[Condition] = []
    for condition in found:  # those of fewest signs come first
        if not any(set(wider) <= set(condition) for wider in kept):
            kept.append(condition)
    return tuple(sorted(kept, key=lambda condition: -counts[condition].trials)[:_CONDITIONS])


def _telling(one: Signs, counts: Mapping[Condition, Count]) -> Condition:
    """The sign of one parameter from which trials fail most often."""
    single = [condition for condition in counts if len(condition) == 1]
    enough = [condition for condition in single if counts[condition].trials >= _LEAST] or single
    return min(enough, key=lambda condition: counts[condition].rate[0])


def _sentence(finding: _Finding, group: Sequence[Signs], known: Sequence[Signs], keys: Sequence[str]) -> Text:
    text = [*_where(group, known, keys), *_SENTENCES[finding.kind](finding, group)]
    if isinstance(text[0], str):
        text[0] = text[0][0].upper() + text[0][1:]
    return (*text, ".")


def _none(finding: _Finding, group: Sequence[Signs]) -> Iterator[Inline]:
    yield f"none of the {words.count(_sum(group).trials, 'trial')} failed, wherever they started"


def _every(finding: _Finding, group: Sequence[Signs]) -> Iterator[Inline]:
    yield f"all {words.count(_sum(group).trials, 'trial')} failed, wherever they started"


def _split(finding: _Finding, group: Sequence[Signs]) -> Iterator[Inline]:
    """All failures lie within one condition."""
    [condition] = finding.fatal
    everything, within = _sum(group), _sum(group, condition)
    failures = f"all {everything.failed:,} failures" if everything.failed > 2 else "both failures"
    failures = "the only failure" if everything.failed == 1 else failures
    yield from (f"{failures} started at ", _code(condition))
    outside = everything.trials - within.trials
    yield f", and none of the {words.count(outside, 'start')} "
    yield from _opposite(condition, group)
    yield " failed"
    yield f"; of the {words.count(within.trials, 'start')} at "
    converged = (
        f"{within.converged:,} converged ({words.percent(*within.rate)})" if within.converged else "none converged"
    )
    yield from (_code(condition), f", {converged}")


def _certain(finding: _Finding, group: Sequence[Signs]) -> Iterator[Inline]:
    """Some starts always fail, or never."""
    if finding.fatal:
        parts = (_of(_sum(group, condition).trials, condition) for condition in finding.fatal)
        yield from ("every trial failed that started at ", *words.listed(parts, "or"))
    if finding.safe:
        parts = (_of(_sum(group, condition).trials, condition) for condition in finding.safe)
        yield from (", and " * bool(finding.fatal) + "no trial failed that started at ", *words.listed(parts, "or"))
    total = _sum(group)
    rest = [
        count
        for one in group
        for pattern, count in one.patterns.items()
        if not any(set(condition) <= set(pattern) for condition in (*finding.fatal, *finding.safe))
    ]
    others = sum(rest, Count(0, 0))
    if others.trials:
        yield f"; of the {words.count(others.trials, 'other trial')}, {others.failed:,} failed"
        yield f" ({_failed(others)})"
        yield f", of all {total.trials:,}, {total.failed:,}" if total.failed != others.failed else ""


def _mixed(finding: _Finding, group: Sequence[Signs]) -> Iterator[Inline]:
    """Trials fail from everywhere."""
    [condition] = finding.fatal
    everything, within = _sum(group), _sum(group, condition)
    others = Count(everything.trials - within.trials, everything.converged - within.converged, within.half_width)
    everywhere = all(count.failed for one in group for count in one.patterns.values())
    yield f"trials failed {'from everywhere, and ' * everywhere}most often from "
    yield from (_code(condition), ": ")
    yield f"{within.failed:,} of the {within.trials:,} that started there ({_failed(within)}), and "
    yield f"{others.failed:,} of the {others.trials:,} others ({_failed(others)})"


def _of(trials: int, condition: Condition) -> Text:
    return (_code(condition), f" ({words.count(trials, 'trial')})")


def _failed(count: Count) -> str:
    rate, low, high = count.rate
    return words.percent(1 - rate, 1 - high, 1 - low)


def _sum(group: Sequence[Signs], condition: Condition = ()) -> Count:
    return sum((one.where(condition) for one in group), Count(0, 0))


def _code(condition: Condition) -> Code:
    return Code(", ".join(f"{name} {sign} 0" for name, sign in condition))


def _opposite(condition: Condition, group: Sequence[Signs]) -> Iterator[Inline]:
    """``at w > 0``, where that is all else; else ``elsewhere``."""
    name, sign = condition[0]
    others = {other for one in group for pattern in one.patterns for known, other in pattern if known == name} - {sign}
    if len(condition) > 1 or len(others) > 1:
        yield "elsewhere"
        return
    yield from ("at ", _code(((name, others.pop()),)))


def _where(group: Sequence[Signs], known: Sequence[Signs], keys: Sequence[str]) -> Text:
    """``with relu and sgd(lr=0.01), ``: the cells of a group; nothing where it is all cells."""
    if len(group) == len(known):
        return (f"in all {len(known)} of these cells, ",) if len(known) > 1 else ()
    varied = [key for key in keys if len({one.labels[key] for one in known}) > 1]
    parts = list(_products(group, known, varied))
    if len(parts) > _PARTS:
        return (f"in {len(group)} of {words.count(len(known), 'cell')}, ",)
    text: list[Inline] = []
    for part in parts:
        text += [*(["; "] if text else []), "with ", *words.listed(part)]
    return (*text, ", " if len(parts) == 1 else ": ")


def _products(group: Sequence[Signs], known: Sequence[Signs], varied: Sequence[str]) -> Iterator[list[Text]]:
    """The group as products of levels, each as the levels of the keys in which it does not have all."""
    if not varied:
        yield []
        return
    key, rest = varied[0], varied[1:]
    # Levels of the first key with which the same combinations of the others are in the group.
    alike: dict[frozenset[tuple[str, ...]], list[str]] = {}
    for level in dict.fromkeys(one.labels[key] for one in group):
        others = frozenset(tuple(one.labels[k] for k in rest) for one in group if one.labels[key] == level)
        alike.setdefault(others, []).append(level)
    every = {one.labels[key] for one in known}
    for levels in alike.values():
        own = [one for one in group if one.labels[key] == levels[0]]
        all_own = [one for one in known if one.labels[key] == levels[0]]
        named = [] if set(levels) == every else [words.listed((words.level(key, level) for level in levels), "or")]
        if len(own) == len(all_own):
            yield named
        else:
            yield from ([*named, *part] for part in _products(own, all_own, rest))


def _table(known: Sequence[Signs], keys: Sequence[str]) -> list[Block]:
    telling = [one for one in known if one.all.failed and one.all.converged]
    shown: list[Signs] = []
    for one in telling or known:
        if not shown or sum(len(each.patterns) for each in [*shown, one]) <= _ROWS:
            shown.append(one)
    header = (*keys, "start", "trials", "failures", "converged (%)", "95 % interval")
    rows: list[tuple[Text, ...]] = []
    for one in shown:
        labels: list[Text] = [(Code(one.labels[key]),) for key in keys]
        # Those of most trials, where there are too many, in the order that all have.
        most = sorted(one.patterns, key=lambda pattern: -one.patterns[pattern].trials)[:_ROWS]
        for pattern in (pattern for pattern in one.patterns if pattern in most):
            count = one.patterns[pattern]
            numbers = [f"{count.trials:,}", f"{count.failed:,}"]
            numbers += [words.bare_percent(*count.rate), words.interval(*count.rate)]
            rows.append((*labels, (_code(pattern),), *((number,) for number in numbers)))
    blocks: list[Block] = [Table(header, tuple(rows), frozenset(range(len(header) - 4, len(header))))]
    alike, more = len(known) - len(telling or known), len(telling or known) - len(shown)
    left = [words.count(more, "more cell")] * (more > 0)
    left += [f"{words.count(alike, 'cell')} in which all trials ended alike"] * (alike > 0)
    if left:
        blocks.append(Paragraph(("Left out: ", *words.listed(left), ".")))
    if sum(len(one.patterns) for one in shown) > _ROWS:
        blocks.append(Paragraph((f"Only the {_ROWS} patterns of most trials are shown.",)))
    return blocks


_SENTENCES: Final[dict[str, Callable[[_Finding, Sequence[Signs]], Iterator[Inline]]]] = {
    "cut": _split,
    "split": _split,
    "certain": _certain,
    "mixed": _mixed,
    "every": _every,
    "none": _none,
}
"""What is said of cells, in the order in which it is."""
