"""What was run, in words, from the settings of the cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mcstudy.errors import StudyError
from mcstudy.plan import label, make_plan, network_layers
from mcstudy.plan.networks import LINEAR
from mcstudy.report import words
from mcstudy.report.document import Block, Bullets, Code, Inline, Paragraph, Table, Text
from mcstudy.spec import Study
from mcstudy.spec.catalogs import NOUNS
from mcstudy.spec.keys import Key
from mcstudy.spec.parts import plain
from mcstudy.spec.values import entries

if TYPE_CHECKING:
    from mcstudy.plan import Cell, Plan

Settings = Mapping[str, Any]
_MOST_VARIANTS = 4


def setup(plan: Plan, trials: Text) -> list[Block]:
    """The settings that the cells share, the keys that are varied, and the exceptions.

    A setting that differs between cells is shown with all it is, where that is little. `trials`: how many of each cell.
    """
    rows: list[tuple[Text, Text]] = []
    for name, (keys, describe) in _SETTINGS.items():
        varied = bool(keys) and keys[0] in plan.keys
        if text := ("varied, see below",) if varied else _shared(plan, describe):
            rows.append(((name,), text))
    rows.append((("trials per cell",), trials))
    rows.append((("seed",), (str(plan.study.seed),)))
    blocks: list[Block] = [Table(("setting", "value"), tuple(rows))]
    if plan.keys:
        blocks.append(Paragraph(("Varied, every combination being a cell:",)))
        blocks.append(Bullets(tuple(_varied(plan, key) for key in plan.keys)))
    if exceptions := _exceptions(plan):
        blocks.append(Paragraph(("Exceptions (where several speak of a cell, the later one counts):",)))
        blocks.append(Bullets(tuple(exceptions)))
    shared = [cell.settings["task"]["samples"] == "shared" for cell in plan.cells]
    if any(shared):
        where = "" if all(shared) else "Where data are shared: "
        note = (
            f"{where}All trials learn from the same set of points. The rates and their intervals are conditional on "
            "that one set: they speak of the random starts, not of other data."
        )
        blocks.append(Paragraph((note,)))
    if len(plan.cells) > 1:
        note = (
            "Trial 17, say, has the same data in every cell of the same task, and the same raw draws for its initial "
            "parameters in every cell of the same shape and precision. Differences between cells are therefore "
            "sharper than their separate intervals suggest."
        )
        blocks.append(Paragraph((note,)))
    return blocks


def _shared(plan: Plan, describe: Callable[[Settings], Text]) -> Text:
    found = list(dict.fromkeys(describe(cell.settings) for cell in plan.cells))
    if len(found) == 1:
        return found[0]
    if len(found) > _MOST_VARIANTS:
        own = list(dict.fromkeys(describe(cell.settings) for cell in _without_exceptions(plan)))
        if len(own) == 1:
            return (*(own[0] or ("none",)), ", except where said below")
        return (f"{len(found)} different ones, depending on the cell",)
    texts = [text or ("none",) for text in found]
    if any(isinstance(item, str) and (", " in item or "; " in item) for text in texts for item in text):
        return (*texts[0], *(item for text in texts[1:] for item in ("; or ", *text)), "; depending on the cell")
    return (*words.listed(texts, "or"), ", depending on the cell")


def _without_exceptions(plan: Plan) -> tuple[Cell, ...]:
    """The cells as they would be without `[[where]]`; none where the study needs it."""
    data = plan.study.data
    if not data.pop("where", ()):
        return ()
    try:
        return make_plan(Study.model_validate(data, file=plan.study.file)).cells
    except StudyError:
        return ()


def _varied(plan: Plan, key: str) -> Text:
    levels = dict.fromkeys(cell.labels[key] for cell in plan.cells)
    return (f"{key}: ", *words.listed(Code(level) for level in levels))


def _exceptions(plan: Plan) -> list[Text]:
    texts: list[Text] = []
    for block, valid in zip(plan.study.data.get("where", ()), plan.study.where, strict=True):
        matched = words.listed(_setting(*entry) for entry in entries(block["match"], valid.match))
        given = words.listed(_setting(*entry) for entry in entries(block["set"], valid.set))
        texts.append(("Where ", *matched, ": ", *given))
    return texts


def _setting(key: Key, value: Any, valid: Any) -> Code:
    return Code(f"{key.name} = {label(value, key.catalog, plain(valid))}")


def _part(settings: Settings, noun: str) -> Code:
    """A part with those of its parameters that are not their defaults."""
    return Code(label(_told(settings, NOUNS[noun]), NOUNS[noun]))


def _told(settings: Settings, catalog: Mapping[str, Any]) -> dict[str, Any]:
    defaults = catalog[settings["name"]].defaults()
    told = {}
    for name, value in settings.items():
        short = value
        if isinstance(value, Mapping):
            short = _told(value, catalog)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            short = [_told(part, catalog) for part in value]
        if name == "name" or not (_same(value, defaults.get(name)) or short == _named(defaults.get(name))):
            told[name] = short
    return told


def _named(default: Any) -> Any:
    """The default of a parameter that is a part, as a table."""
    return {"name": default} if isinstance(default, str) else default


def _same(value: Any, default: Any) -> bool:
    return bool(value == (list(default) if isinstance(default, tuple) else default))


def _task(settings: Settings) -> Text:
    task = settings["task"]
    formula = NOUNS["task"][task["name"]].formula
    part = _part({"name": task["name"], **task["parameters"]}, "task")
    return (part, f": {formula}" if formula else "")


def _inputs(settings: Settings) -> Text:
    task = settings["task"]
    if task["input"] is None:
        return ("the table's rows" if task["data"] else "the task's own points",)
    if NOUNS["task"][task["name"]].own_inputs:
        return ("made by the task",)
    drawn = task["input"]
    match drawn["name"]:
        case "normal":
            text = f"normal, mean {drawn['mean']:g}, standard deviation {drawn['std']:g}"
        case "uniform":
            text = f"uniform from {drawn['low']:g} to {drawn['high']:g}"
        case _:
            return (_part(drawn, "input"),)
    return (text if task["n_inputs"] == 1 else f"{task['n_inputs']} inputs, each {text}",)


def _data(settings: Settings) -> Text:
    task = settings["task"]
    size, batch = task["size"], task["batch"]
    if task["samples"] == "fresh":
        text = f"a new batch of {words.count(batch, 'point')} at each step"
    else:
        whose = "drawn once per trial" if task["samples"] == "trial" else "shared by all trials"
        text = f"{words.count(size, 'point')}, {whose}; "
        if batch == size:
            text += "all of them at each step"
        else:
            order = "in the same order in each pass" if task["order"] == "sequential" else "shuffled anew in each pass"
            text += f"{words.count(batch, 'point')} at each step, {order}"
    return (text + (f"; noise of standard deviation {task['noise']:g} on the targets" if task["noise"] else ""),)


def _probes(settings: Settings) -> Text:
    return words.listed(f"({', '.join(f'{x:g}' for x in point)})" for point in settings["task"].get("probe", ()))


def _diagnosis(settings: Settings) -> Text:
    return ("looked at by the Hessian of the evaluation loss",) if settings.get("diagnose") else ()


def _network(settings: Settings) -> Text:
    network, task = settings["network"], settings["task"]
    widths = [task["n_inputs"], *network["hidden"], task["n_outputs"]]
    parameters = sum(layer.parameters for layer in network_layers(task, network))
    biases = "with biases" if network["bias"] else "without biases"
    text = f"{'-'.join(map(str, widths))}, {biases}: {words.count(parameters, 'parameter')}"
    if any(network["dropout"]):
        rates = [f"{100 * rate:g} %" for rate in network["dropout"]]
        alike = len(set(rates)) == 1
        which = f"{rates[0]} of the hidden units" if alike else f"{', '.join(rates)} of the units of the hidden layers"
        text += f"; dropout of {which} when training"
    return (text,)


def _activation(settings: Settings) -> Text:
    network = settings["network"]
    if not network["hidden"] and network["output"] != network["activation"]:
        return ()
    return (_part(network["activation"], "activation"),)


def _output(settings: Settings) -> Text:
    network = settings["network"]
    if network["output"] == network["activation"] != LINEAR:
        return ("with the activation",)
    return (_part(network["output"], "output"),)


def _init(settings: Settings) -> Text:
    return (_part(settings["network"]["init"], "init"),)


def _optimizer(settings: Settings) -> Text:
    train = settings["train"]
    texts: list[Inline] = [_part(train["optimizer"], "optimizer")]
    if train["bias_update"] == "decay":
        texts.append("; biases are updated by b -= lr·b instead of their gradient")
    if train["backward"] == "after_update":
        texts.append("; the error passes back through weights that are already updated")
    if train["schedule"]:
        texts += ["; learning rate: ", _part(train["schedule"], "schedule")]
    if train["clip_value"]:
        texts.append(f"; entries of the gradient cut to ±{train['clip_value']:g}")
    if train["clip_norm"]:
        texts.append(f"; gradient cut to norm {train['clip_norm']:g}")
    return tuple(texts)


def _steps(settings: Settings) -> Text:
    return (f"{words.count(settings['train']['steps'])}",)


def _precision(settings: Settings) -> Text:
    return (settings["train"]["precision"],)


def _loss(settings: Settings) -> Text:
    regularizer = settings["train"]["regularizer"]
    loss = _part(settings["train"]["loss"], "loss")
    return (loss, "; when training, plus ", _part(regularizer, "regularizer")) if regularizer else (loss,)


def _criterion(settings: Settings) -> Text:
    wanted, found = settings["converge"], []
    if wanted["loss"] is not None:
        found.append(f"evaluation loss at most {words.number(wanted['loss'], 6)}")
    if wanted["accuracy"] is not None:
        share = "all" if wanted["accuracy"] == 1 else f"at least {100 * wanted['accuracy']:g} % of the"
        found.append(f"{share} evaluation points told right")
    if wanted["weights"] is not None:
        target, within = wanted["weights"]["target"], wanted["weights"]["within"]
        found.append(f"every parameter within {within:g} of {', '.join(f'{value:g}' for value in target)}")
    return (", and ".join(found),) if found else ()


def _every(settings: Settings) -> Text:
    every = settings["converge"]["every"]
    return ("every step" if every == 1 else f"every {words.count(every, 'step')}",)


def _evaluation(settings: Settings) -> Text:
    if settings["task"]["samples"] == "fresh":
        rule = "the midpoints of as many equally likely parts of the input distribution"
        if settings["task"]["n_inputs"] > 1:
            rule = "Sobol points moved by half a cell, through the inverse of the input distribution"
        return (f"512 fixed points: {rule}",)
    return ("the data the trial learns from",)


_SETTINGS: dict[str, tuple[tuple[str, ...], Callable[[Settings], Text]]] = {
    "task": (("task.name",), _task),
    "inputs": (("task.input",), _inputs),
    "data": (("task.samples", "task.size", "task.batch", "task.order", "task.noise"), _data),
    "network": (("network.hidden", "network.bias", "network.dropout"), _network),
    "activation": (("activation",), _activation),
    "output unit": (("network.output",), _output),
    "initialisation": (("init",), _init),
    "optimizer": (
        (
            "optimizer",
            "train.bias_update",
            "train.backward",
            "train.schedule",
            "train.clip_value",
            "train.clip_norm",
        ),
        _optimizer,
    ),
    "loss": (("train.loss", "train.regularizer"), _loss),
    "steps": (("train.steps", "train.epochs"), _steps),
    "precision": (("train.precision",), _precision),
    "converged": (("converge.loss", "converge.accuracy", "converge.weights"), _criterion),
    "checked": (("converge.every",), _every),
    "evaluated on": ((), _evaluation),
    "asked at": (("task.probe",), _probes),
    "stuck trials": ((), _diagnosis),
}
"""The rows of the table of settings: the keys that vary it, and its words."""
