"""The bytes of a small study, pinned: a trial means the same on every machine and in every version of this code.

Run as a program, this prints the digests as they are now.
"""

from __future__ import annotations

import json
from typing import Any

import walk

from mcstudy.plan import make_plan
from mcstudy.spec import Study

TRIALS = 70
TASKS: dict[str, dict[str, Any]] = {
    "sine": {"name": "sine", "batch": 6},
    "distance": {"name": "distance", "samples": "trial", "size": 14, "batch": 4},
}
MOVED = (
    "the bytes of trials have moved: if that is meant, raise ARITHMETIC in mcstudy/plan/settings.py, so that old "
    "trials are not mixed with new ones, put here what `python tests/test_golden.py` prints, and run the studies again "
    "so that their reports are those of the new trials"
)


ADAMW = {"name": "adamw", "lr": 0.03}
SGD = {"name": "sgd", "lr": 0.05}
SPIRALS = {"name": "spirals", "classes": 3}
OTHERS: dict[str, dict[str, Any]] = {
    "dropout and prelu": {
        "network": {"activation": "prelu", "dropout": [0.1, 0.5]},
        "train": {"optimizer": ADAMW, "schedule": "cosine"},
    },
    "rrelu and noise": {
        "task": {"name": "distance", "samples": "trial", "size": 14, "batch": 4, "noise": 0.2},
        "network": {"activation": "rrelu"},
        "train": {"optimizer": SGD},
    },
    "lsuv, sum and clipping": {
        "network": {"activation": "gelu", "output": "sum", "init": "lsuv"},
        "train": {"optimizer": {"name": "nadam", "lr": 0.03}, "clip_norm": 0.5, "regularizer": "repulsion"},
    },
    "softmax on spirals": {
        "task": {"name": SPIRALS, "batch": 6},
        "network": {"activation": "mish", "init": "torch_default"},
        "train": {"optimizer": ADAMW, "loss": "softmax_cross_entropy"},
        "converge": {"accuracy": 0.45, "every": 10},
    },
    "teacher and orthogonal": {
        "task": {"name": "teacher", "samples": "shared", "size": 30, "batch": 7},
        "network": {"activation": "snake", "init": "orthogonal"},
        "train": {"optimizer": {"name": "rprop", "lr": 0.01}, "loss": "log_cosh"},
    },
    "xor": {
        "task": {"name": "xor", "batch": "all"},
        "network": {"activation": "elu", "init": "rai"},
        "train": {"optimizer": {"name": "ftrl", "lr": 0.3}, "loss": "hinge"},
        "converge": {"accuracy": 0.75, "every": 10},
    },
    "points of stuck trials": {
        "study": {"name": "golden", "seed": 2024, "trials": TRIALS, "diagnose": "hessian"},
        "task": {"name": "relu", "samples": "trial", "size": 6, "batch": 6},
        "network": {"hidden": [2], "activation": "relu"},
        "train": {"optimizer": {"name": "sgd", "lr": 0.3}},
    },
}
"""What else can be named, a few parts at a time."""


def golden() -> dict[str, str]:
    """The digest of each cell's rows, by its levels."""
    found = {}
    for name, task in TASKS.items():
        study = Study.model_validate(
            {
                "study": {"name": "golden", "seed": 2024, "trials": TRIALS},
                "task": task,
                "network": {"hidden": [3, 2], "init": {"name": "he_normal", "bias": {"name": "uniform"}}},
                "train": {"steps": 60},
                "converge": {"loss": 0.05, "every": 10},
                "vary": {
                    "train.precision": ["float32", "float64"],
                    "activation": ["relu", "tanh", "elu"],
                    "optimizer": [{"name": "sgd", "lr": 0.1, "momentum": 0.9}, {"name": "adam", "lr": 0.03}],
                },
            }
        )
        plan = make_plan(study)
        digests = walk.digests(plan, TRIALS)
        for cell in plan.cells:
            train, network = cell.settings["train"], cell.settings["network"]
            levels = name, train["precision"], network["activation"]["name"], train["optimizer"]["name"]
            found[" ".join(levels)] = digests[cell.id]
    return found | others()


def others() -> dict[str, str]:
    """The digests of the other cells, by name and precision."""
    found = {}
    for name, sections in OTHERS.items():
        study = Study.model_validate(
            {
                "study": {"name": "golden", "seed": 2024, "trials": TRIALS},
                "task": {"name": "sine", "batch": 6},
                "converge": {"loss": 0.05, "every": 10},
                "vary": {"train.precision": ["float32", "float64"]},
            }
            | sections
            | {"network": {"hidden": [3, 2], "init": "he_normal"} | sections["network"]}
            | {"train": {"steps": 60} | sections["train"]}
        )
        plan = make_plan(study)
        digests = walk.digests(plan, TRIALS)
        for cell in plan.cells:
            found[f"{name}, {cell.settings['train']['precision']}"] = digests[cell.id]
    return found


def test_no_byte_has_moved() -> None:
    assert golden() == GOLDEN, MOVED


GOLDEN: dict[str, str] = {
    "sine float32 relu sgd": "d395658065598a4269ef76cb3a289fa8b5969bba0978eefb51faffb39b064dd6",
    "sine float32 relu adam": "4f5fbfc319d9c4f0f8e5f97b69e9a294dd5ad5071e31e2139928d76b43185812",
    "sine float32 tanh sgd": "4cfce1ffdf1728edf0ba814e713179073304cc5e1040ae3cc253d43c173da28b",
    "sine float32 tanh adam": "5a916f67bea787995e8e1319c63c042d4f262d24131cddef8ee9884f6181a847",
    "sine float32 elu sgd": "d66add0d2b5c134c54a44ee0da129415367b4de6bbdd6a75731e2b76c1388e4e",
    "sine float32 elu adam": "8f956ad66b424084902a4ddcc0fd0a1de1737a7669c884ce21e4fa3e5a3cf33f",
    "sine float64 relu sgd": "27a3c77f96303fbfc905ac2788198606856348f961df45e63079aae7d00c4e08",
    "sine float64 relu adam": "5efce7344fea7b0e53f0f3f76b9fe9d637d8a76ca05467a84cc3012f0ff31abd",
    "sine float64 tanh sgd": "2c55dbe0283d58c84869cce76a197e38a0be45a7aacf7ebde91a6d34fe2a30f6",
    "sine float64 tanh adam": "2bba0b79352fedbf6ff397381478f8eb1be2f80eb67620b5da784c2cdf3b0daf",
    "sine float64 elu sgd": "21ac49c24fac8e196daba7a9a1e7cf57584f04d0569f0577e22157159cde5738",
    "sine float64 elu adam": "22d5de946a57e320b07acf2b5b73f0c9532c83994dc6a093b8f5e331a260a5f4",
    "distance float32 relu sgd": "2aa081ad336bd52470422e2f35863e3214f7452ee097797fcc82324e0a98aca5",
    "distance float32 relu adam": "d39af09b423ec02b27e65d9a2d55a4c7f09283bf281d6bebcd1d0723529844cb",
    "distance float32 tanh sgd": "a680a79cbf8cbe05b11d028685e70b36dcd48e7396562e19f15a052edbf52f27",
    "distance float32 tanh adam": "e2ceb1d0b9a38e3c8a60e4f62ea246dd9ca15f144188e5486977b8dbc22f07bf",
    "distance float32 elu sgd": "5f8e2dbd0539e44e8781ecc40b5e6bb97b8c6e943e9940abe08e4e9c9398f41b",
    "distance float32 elu adam": "dedc00dec67fa8f818c481f13ce75708e3441a0fd9f40c348cff21ebca1b5375",
    "distance float64 relu sgd": "854cf9482398cb7c371a6ff6e2d7eb2ea1e56ea4c4fe90eff21fd8c780f1d634",
    "distance float64 relu adam": "2034a50f2c68a8e9af6fe7beb73fb73f522b9926ed9cbf05b8d810c5a6e8fe33",
    "distance float64 tanh sgd": "a016a466228fc37cc254c7b169afcd5096cf000ae13aeb26a41f8abbbda8ccc9",
    "distance float64 tanh adam": "7e643fbc06485275a3588b050e61f8a4b163a02bf9b21fae649fa8ac9974c4b8",
    "distance float64 elu sgd": "995f3cc86cfeae2e7ce621eb01051312ca858ac4faea75fb38952733ff849c22",
    "distance float64 elu adam": "73ac8663ba1345ac748834aef5cbff62a4a573e158c0adf1dc67a7ca64a62a93",
    "dropout and prelu, float32": "dceb86aa4207bc09434bb733c28ccd48736e6aad6806397533c5a4b760f09728",
    "dropout and prelu, float64": "1924ea7137d82d4fbd5437490ccd7440a6ac6dac08b17217d59407c89ab4f3ab",
    "rrelu and noise, float32": "0b39dd41e1f3bd7cf7a0ccc9ff97b3c28e1585189563f1676f4612350094f053",
    "rrelu and noise, float64": "012e3149577881ce0daca9c1836f30f880b75514300a74750eed25d5da0af25a",
    "lsuv, sum and clipping, float32": "f612af7a201dc1ae5faae57e90a8880543b7f348fa94921478b34852a89f58f6",
    "lsuv, sum and clipping, float64": "e2587df4e12c4952b4091c0393b6d8f874172b0a86e1557d247daeaeffdf767f",
    "softmax on spirals, float32": "c2bc10a417da21dd354985a9b51b23b1115ebad381f3ceab2ee251bba297eb96",
    "softmax on spirals, float64": "21d5c3708179b1934a51adf2e8623250c6f8a88050abb39348de578de97785c2",
    "teacher and orthogonal, float32": "a250cee643ab903c7c1d3e4bd98bff1a8c42fa341d6483d771a729d46c5f62cf",
    "teacher and orthogonal, float64": "829f2d4fb336cc4dd97fb6f6ef5f5782aaccad328532dee266db1e0173574457",
    "xor, float32": "0903f7c9d87733e4f30aa6109dad7b9d5e56c7b43729be3d8a2fa44a437b189a",
    "xor, float64": "78eccebd6d455b52a8098fd11392b1b2127e9130a4e2790ec0dd12b899e55b1b",
    "points of stuck trials, float32": "036b5bdeddda9f8f1561d01548f8003bc964bdcfe028e179b1fef2fc59a5118a",
    "points of stuck trials, float64": "be16dfa46c1609064b961f73dc807a173f24c9b63081825cf8197e2fbb003e53",
}


if __name__ == "__main__":
    print("GOLDEN: dict[str, str] =", json.dumps(golden(), indent=4).replace('"\n}', '",\n}'))
