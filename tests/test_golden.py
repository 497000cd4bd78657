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
    "sine float32 relu sgd": "539a9f2e0ccd39bae00a892223d78b367c9cf1551caabcfdf0a7042cda18eab4",
    "sine float32 relu adam": "e15d741fbd04f1a28a655aabce6f3667036e8c818969637ae2f3af4563bada69",
    "sine float32 tanh sgd": "65dc46dcf5578e93f6fa0b854e406eb8dc3904771e9dd5120788da967052f522",
    "sine float32 tanh adam": "be53acb50f3f28c5d6873e964707fef8a00a721f98d8300147752fd1a8b50869",
    "sine float32 elu sgd": "02487ca7b84209f7b25b05e92c2b090f4e2d721fd52313077d488bcb5890c9c5",
    "sine float32 elu adam": "63a6260e83ab852cc0d6d65aa2adb1f224140d3293562195dddfbd59aa6a74a9",
    "sine float64 relu sgd": "736a4010cc63b8ed50de07258a447ba1f5ae0b66f841373cf0d8caf470d92f89",
    "sine float64 relu adam": "16126687292d884b055198ef54d18ae99742f3ab5c072534c5ad56d43efdecfd",
    "sine float64 tanh sgd": "a0d6bd9c6d388309429b491a8c964645a602e6483bd7218991e6231fbdd9c9f1",
    "sine float64 tanh adam": "46f323eda46e53b19d361fd7175125f8d3c4016e81d588bae0088c0d06261f97",
    "sine float64 elu sgd": "35156e197bf5581a466a0c109e6f0a0f7ac75394d4c90728c97693c7536511e7",
    "sine float64 elu adam": "538b22ebbb89ccedcf1f0414edf384dc5063657b8420488cd84d8be2640e29fe",
    "distance float32 relu sgd": "90e0b50c09975500e61f92ab357dbcdbbc3ed41844a41b2ef195bd86c62d3eea",
    "distance float32 relu adam": "204a5dd32b9624f72e7da042d90ed1db43ee5da8abfd1d14390bd49e0643a900",
    "distance float32 tanh sgd": "c2437327a1f2c913c1a3931109da9df88f5033ddaaaf016939039972ffc28277",
    "distance float32 tanh adam": "a20e915b6788e307fa57dc5677da231240fe97a76f020e5f17ef13381c8933b4",
    "distance float32 elu sgd": "b8dd7d674ece2e92b2b83ab921b7c29152c95997195568554c3475c7dd8bcfe2",
    "distance float32 elu adam": "42120daf5aa0152e445327b62304d6bea095daecd007dd78f7e1ba205cddaa3d",
    "distance float64 relu sgd": "b46e89d45112a01f5986b9d126983012c094bb2c85d4ad0d3526852fe0d3051c",
    "distance float64 relu adam": "1f66cfe57198b1fc4b07c3a7ba1d521018c14208384c0c958ae969c5781b0fa2",
    "distance float64 tanh sgd": "a6697d0b67cc834dd7dc62e62476738dfd4d36251c2958af49547a05ac1e16db",
    "distance float64 tanh adam": "1fd24087cf30800d92e38bb7dd9777fbd0957f9f54eb3f82088e88d282ec3f16",
    "distance float64 elu sgd": "eb7dab51251924bd31cdfc5002321980f3d2739c45395a2e9cf382ea94c236d4",
    "distance float64 elu adam": "22ae714a78b882139976572a6a73d9ac822549c0b633b8b254d5fb872682c18a",
    "dropout and prelu, float32": "892923523f065e6ae30d0ec025bc694b47a174754e3614804187df5499459494",
    "dropout and prelu, float64": "ebd0968b5271b7e4e585e8ce9612962c9f428df511acbbd925bb65b5e6b85f1b",
    "rrelu and noise, float32": "b02df694ae0c50f404db5f03dc27ebd209af08644c1a5bbadeacbc490ab12999",
    "rrelu and noise, float64": "fe4b79d75c8eb36480d9be72b009c37616f0f2c4b585944a39d205bd9229f3f2",
    "lsuv, sum and clipping, float32": "f8a465db10cda457d63884494c21e654ba397f82ead5341b10ab7ee0f53730e0",
    "lsuv, sum and clipping, float64": "5450123210a83bd5aa9970d71792710e93b049c958d880605611f36548010ba1",
    "softmax on spirals, float32": "9218abb57cde676bb65741e53436a9c9c2b655ddc1d04b38f7275a9cfa0264d4",
    "softmax on spirals, float64": "8207ab43d31961bb59225820a048ebbd9bc88118e3c251c96e757a8a3519520c",
    "teacher and orthogonal, float32": "eb47ea5484b1db601e7ae65be01ac7be7436df54af4ee55a6dcef9bbbcef8b39",
    "teacher and orthogonal, float64": "5fe5a0718b4914d8518e9d5385f3f46c600c51c15cb3a13da24300d3f99c13ba",
    "xor, float32": "7b6ba8da6be91c64535ac09d870b2b2b19e0eedd159f89c5ab087e862ce80edf",
    "xor, float64": "540611ab3a4e9922410cf2f9f26e1bb7978aae11377b3eb3fdc42d8f85aee347",
}


if __name__ == "__main__":
    print("GOLDEN: dict[str, str] =", json.dumps(golden(), indent=4).replace('"\n}', '",\n}'))
