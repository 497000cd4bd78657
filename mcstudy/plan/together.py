"""What of a cell's settings does not go together: targets with losses and criteria, criteria with the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.tasks import TASKS
from mcstudy.errors import shown
from mcstudy.plan.chosen import Chosen
from mcstudy.plan.networks import network_layers

LABEL_WORDS: Final = {
    "real": "numbers",
    "shares": "shares of classes",
    "binary": "0 or 1",
    "signs": "-1 or 1",
    "classes": "classes, one column for each",
}
"""What the targets of a task can be, in words."""

LOSS_LABELS: Final = {
    "any": tuple(LABEL_WORDS),
    "binary": ("binary", "classes", "shares"),
    "signs": ("binary", "signs", "classes"),
    "classes": ("classes", "shares"),
}
"""The targets that a loss can take."""

LOSS_WORDS: Final = {
    "any": "any targets",
    "binary": "targets of 0 or 1",
    "signs": "targets of 0 or 1, or of -1 or 1",
    "classes": "a column of targets for each class, whose rows add up to 1 (of many tasks with one_hot = true)",
}


def check_together(chosen: Chosen, made: Mapping[str, Any]) -> None:
    """Refuses what does not go together between the task, the loss and the criteria."""
    task, training, converge = made["task"], made["train"], made["converge"]
    labels, loss = task["labels"], LOSSES[training["loss"]["name"]]
    whose = f'the targets of "{TASKS[task["name"]].name}" are {LABEL_WORDS[labels]}'
    if labels not in LOSS_LABELS[loss.targets]:
        fitting = [name for name, other in LOSSES.items() if labels in LOSS_LABELS[other.targets]]
        why = f'"{loss.name}" needs {LOSS_WORDS[loss.targets]}, and {whose}'
        chosen.refuse("train.loss", f"{why}; losses for these: {', '.join(fitting)}")
    elif task["noise"] and loss.targets != "any":
        why = f'does not go with "{loss.name}", which needs {LOSS_WORDS[loss.targets]} without noise'
        chosen.refuse("task.noise", f"{task['noise']:g} {why}; leave it out, or give another loss")
    if converge["accuracy"] is not None and labels not in ("binary", "signs", "classes"):
        wanted = "targets of 0 or 1, of -1 or 1, or one column for each class"
        chosen.refuse("converge.accuracy", f"{converge['accuracy']:g} needs {wanted}, and {whose}; give loss instead")
    if converge["weights"] is not None:
        count = sum(layer.parameters for layer in network_layers(task, made["network"]))
        target = converge["weights"]["target"]
        if len(target) != count:
            message = f"has {len(target)} numbers, and the network {count} parameters; give one for each"
            chosen.refuse("converge.weights", f"{shown(target)} {message}", ".target")
    if training["clip_norm"] is not None and training["backward"] == "after_update":
        why = 'does not go with backward = "after_update", where the whole gradient is never known at once'
        chosen.refuse("train.clip_norm", f"{training['clip_norm']:g} {why}; give clip_value instead")
