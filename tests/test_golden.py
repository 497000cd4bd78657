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
    return found


def test_no_byte_has_moved() -> None:
    assert golden() == GOLDEN, MOVED


GOLDEN: dict[str, str] = {
    "sine float32 relu sgd": "cb32cb744b9c87a503595e71afbd6e205d767b6e31a43342f241cc8ae328a063",
    "sine float32 relu adam": "8c05343871fd715bce7753f2b6f4a91c89a7d2b805507fc2124060b15a7bc4a5",
    "sine float32 tanh sgd": "9e6085396c44d6738cf255fb25065bc119a4f7bec3962cae550826c9fe893171",
    "sine float32 tanh adam": "3d0739461f7aba004ca1d479f09db0da3e9c75e8856e43422168953af26177d8",
    "sine float32 elu sgd": "7090eb18cb2f86d2ad68d3b7451c5dce123d1c2136d5f2eac497ecfc25d379b5",
    "sine float32 elu adam": "e7e7e49080e6dc74eff94102b69b3828114bf736a7f2f2e4765bdf387a613966",
    "sine float64 relu sgd": "ca8217da5aea712cf4f04fb82d177ab4b557efd10daac1ad7865626ee7c1b15f",
    "sine float64 relu adam": "7ccb5567e5ac0a346f58db77213526634955b200cc7d366b6c271d484dcef1f8",
    "sine float64 tanh sgd": "d85cbcb186b049aa054401213a7a55cca9b89bdf9ab6749e857df9d3dd9efc2c",
    "sine float64 tanh adam": "e1980f8a11694677e6ccd6ba6df3f5f58b6bcaeebe94df25767723a685ac1944",
    "sine float64 elu sgd": "318b5ac251a08f0f65ad3e827a8f4a187eec513f213a41955ef15962c62428c9",
    "sine float64 elu adam": "108836e20a00b36951b156bf08d806d298f5d8ca22026a638074cf8683ccb5f2",
    "distance float32 relu sgd": "0ebfd4d31e150e329433f8a605e3c45c0a9cc9344f1a546107bef7f6ee78b853",
    "distance float32 relu adam": "5e2f332ae99055201e786f89b95e453cd41e1699467943fee616cd2cec45ffa0",
    "distance float32 tanh sgd": "8aaa057e804b758488442889a5172583331536ac7cc917701ab87fe0c4a2c1e4",
    "distance float32 tanh adam": "bbb918314bdaf1293b15331234af1a5db779fdf29f92cd0797d147282b7155d6",
    "distance float32 elu sgd": "f8c773348124f7b5121c7893577b863d54b64a88a3440ee00ce2fe3fb620128e",
    "distance float32 elu adam": "a742aab52d253f562c3ececcff18a134f99636b8e4303c9cbd13882660445661",
    "distance float64 relu sgd": "2922017ac26beefbf87e8c71595ddd26d3ee9fda7b2e854a4e5025e67423c93d",
    "distance float64 relu adam": "8782cef7c59880d9719e574cf6eafdcfd779b977cf46a0d49afed69eaa653cb7",
    "distance float64 tanh sgd": "4c5ed90d228ebe687235109b01f389d91a57a70adb811923fb4e8071433da2cf",
    "distance float64 tanh adam": "cdd86ce24926b1757d2d3fedc923a9e6df3a97cd5bf5f451b7e65da1cb2f7c9e",
    "distance float64 elu sgd": "c89670e1d9cf0d9cb630efa6448ec9b6197b7b79dab5c2eeaeab89a274f3af25",
    "distance float64 elu adam": "2dd87e8ab8af6dba629290238fea177a5bc3de5c0b16b4d95592f9de8fb9842a",
}


if __name__ == "__main__":
    print("GOLDEN: dict[str, str] =", json.dumps(golden(), indent=4).replace('"\n}', '",\n}'))
