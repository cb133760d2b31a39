"""What other frameworks' own watching says of broken and sound runs, beside the diagnosis.

    python -m benchmarks.diagnosis_peers PYTHON [seed [minutes]]        (from `tests/`)

PYTHON is that of an environment with torch, keras, lightning and skorch, which are not dependencies. The runs are those
of the benchmark of the diagnosis that all four can express: networks of dense layers on two data sets of the tuning
half, one run for each kind of mistake, and the healthy variants. Each framework trains them itself from the same first
weights (`peers/doctors.py`), so that what is counted is what it says, not what could be read from our losses. Their
order is drawn by lot, so that those that the minutes suffice for are a sample.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from minigrad.diagnosis import rules
from minigrad_diagnosis_bench.cases import Case, Result, fault_of, graded, judged
from minigrad_diagnosis_bench.faults import FAULTS
from minigrad_diagnosis_bench.healthy import VARIANTS, suits
from minigrad_diagnosis_bench.setting import Setting, build
from minigrad_diagnosis_bench.tasks import TUNING

TASKS = ("digits-mlp", "friedman-mlp")
Said = Mapping[str, Sequence[str]]


def setting_of(case: Case) -> Setting:
    """The run of a case."""
    sound = TUNING[case.task](case.seed)
    if not case.fault:
        return VARIANTS[case.variant](sound)
    return fault_of(case.fault).change(sound, np.random.default_rng([case.seed, 7]))


def is_common(s: Setting) -> bool:
    """Whether the loops of all frameworks can make this run."""
    plain = s.arch.kind == "mlp" and not s.arch.norm and not s.arch.begin and s.loss in ("softmax", "mse")
    usual = s.optimizer in ("sgd", "momentum", "adam") and set(s.hyper) == {"lr"} and s.batch >= 8
    layers = s.arch.activation in ("", "relu", "tanh", "sigmoid") and s.arch.end in (
        "", "relu", "tanh", "sigmoid", "softmax"
    )  # fmt: skip
    own = (
        s.own_loss
        or s.clip
        or s.schedule
        or s.loop
        or s.half
        or s.summed
        or s.maximise
        or s.frozen is not None
        or s.sign != 1.0
    )
    loop = s.order == "shuffled" and s.zero_grad and s.train_mode and s.eval_mode
    return plain and usual and layers and loop and not own


def chosen(seed: int) -> Iterator[Case]:
    """Each kind of mistake on one of the data sets in turn, and healthy variants of both."""
    for number, fault in enumerate(FAULTS.values()):
        for task in (TASKS[number % 2], TASKS[1 - number % 2]):
            case = Case("tuning", task, seed, fault.name)
            if fault.happens(TUNING[task](seed)) and is_common(setting_of(case)):
                yield case
                break
    for task in TASKS:
        for variant in list(VARIANTS)[:: 1 if task == TASKS[0] else 2]:
            case = Case("tuning", task, seed, "", variant)
            if suits(variant, TUNING[task](seed)) and is_common(setting_of(case)):
                yield case


def write(folder: Path, cases: Sequence[Case]) -> None:
    """Write the runs as plain values, for those who have no minigrad."""
    runs = []
    for number, case in enumerate(cases):
        s = setting_of(case)
        parameters = [t.numpy() for t in build(s, case.seed).parameters()]
        targets = [y if s.loss == "softmax" else y.reshape(len(y), s.outputs) for y in (s.y, s.y_val)]
        inputs = [x.reshape(len(x), -1).astype(np.float32) for x in (s.x, s.x_val)]
        arrays = {"x_train": inputs[0], "y_train": targets[0], "x_val": inputs[1], "y_val": targets[1]}
        for k in range(len(parameters) // 2):
            arrays |= {f"w{k}": parameters[2 * k], f"b{k}": parameters[2 * k + 1]}
        np.savez(folder / f"{number}.npz", **arrays)  # type: ignore[arg-type]  # its hints mistake names for options
        runs.append(
            {
                "name": str(number), "classes": s.loss == "softmax", "layers": len(parameters) // 2,
                "activation": s.arch.activation, "end": s.arch.end, "dropout": s.arch.dropout,
                "optimizer": s.optimizer, "lr": s.hyper["lr"], "l2": s.l2, "epochs": s.epochs, "batch": s.batch,
            }
        )  # fmt: skip
    (folder / "runs.json").write_text(json.dumps(runs))


def asked(python: str, cases: Sequence[Case], seconds: float) -> list[Said]:
    """What each framework says of each run, of the first of them if the time is up before.

    Raises:
        RuntimeError: the worker failed.
    """
    said: list[Said] = []
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), cases)
        worker = Path(__file__).parent / "peers" / "doctors.py"
        with subprocess.Popen([python, str(worker), folder], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for reply in process.stdout:
                if reply.startswith("{"):
                    said.append(json.loads(reply)["said"])
                    print(f"{len(said)} of {len(cases)}", file=sys.stderr)
                if time.monotonic() > ends:
                    process.kill()
                    return said
        if process.returncode:
            raise RuntimeError(f"{worker.name} ended with code {process.returncode}")
    return said


def line(judge: str, results: Sequence[Result], words: Sequence[Sequence[str]]) -> str:
    """One row of the table."""
    structural = {rule.code for _, rule in rules() if rule.family in ("wiring", "start")}
    broken = [(r, said) for r, said in zip(results, words, strict=True) if r.case.fault and r.valid]
    sound = [said for r, said in zip(results, words, strict=True) if not r.case.fault and r.valid]
    right = [{*r.right, *(["WIRING"] if structural & set(r.right) else [])} for r, _ in broken]
    spoken = sum(bool(said) for _, said in broken)
    hits = sum(bool(names & set(said)) for names, (_, said) in zip(right, broken, strict=True))
    wrong = sum(len(set(said) - names) for names, (_, said) in zip(right, broken, strict=True))
    false = sum(map(bool, sound))
    return f"| {judge} | {len(broken)} | {spoken} | {hits} | {wrong} | {len(sound)} | {false} |"


def main(python: str, seed: int, minutes: float) -> None:
    """Print what was said of each run, and the table."""
    cases = list(chosen(seed))
    np.random.default_rng(seed).shuffle(cases)
    said = asked(python, cases, 60.0 * minutes)
    cases = cases[: len(said)]
    results = graded([judged(case) for case in cases])
    words: dict[str, list[Sequence[str]]] = {"minigrad": [r.faults for r in results]}
    words |= {name: [reply[name] for reply in said] for name in said[0]}
    for number, r in enumerate(results):
        name = f"{r.case.task} {r.case.fault or 'healthy: ' + r.case.variant}{'' if r.valid else ' (does not count)'}"
        print(f"{name}: " + "; ".join(f"{judge} {', '.join(each[number]) or '-'}" for judge, each in words.items()))
    print("\n| judge | broken runs | something said | a right word | wrong words | sound runs | something said |")
    print("|---|---|---|---|---|---|---|")
    for judge, each in words.items():
        print(line(judge, results, each))


if __name__ == "__main__":
    main(sys.argv[1], int((sys.argv[2:] or ["0"])[0]), float((sys.argv[3:] or ["1e6"])[0]))
