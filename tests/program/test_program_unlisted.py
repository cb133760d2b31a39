"""What a step depends on in roundabout ways: followed, or refused at the line."""

from __future__ import annotations

import io
import json
import os
import secrets
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.program import TraceError
from minigrad.typing import Array

X = np.array([1.0, -2.0, 3.0])
Case = Callable[[], tuple[Callable[..., Any], Callable[[], object]]]


def held_by(transform: Callable[..., Any]) -> Case:
    """A function that one of minigrad's holds reads a list."""

    def case() -> tuple[Callable[..., Any], Callable[[], object]]:
        scale = [1.0]
        inner = transform(lambda x: mg.sum(x * x) * scale[0])
        return lambda x: mg.sum(_first(inner(x))), lambda: scale.__setitem__(0, 3.0)

    return case


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def _sum_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: mg.sum(function(x) ** 2)


def of_event() -> tuple[Callable[..., Any], Callable[[], object]]:
    event = threading.Event()
    return lambda x: mg.sum(x) * (2.0 if event.is_set() else 1.0), event.set


def of_text_in_memory() -> tuple[Callable[..., Any], Callable[[], object]]:
    text = io.StringIO()
    text.write("1")
    return lambda x: mg.sum(x) * float(text.getvalue()), lambda: text.write("5")


def of_module_with_getattr() -> tuple[Callable[..., Any], Callable[[], object]]:
    module, table = types.ModuleType("lazy_settings"), {"k": 1.0}
    module.__dict__["__getattr__"] = lambda name: table[name]
    return lambda x: mg.sum(x) * module.k, lambda: table.update(k=3.0)


def of_arguments_of_the_script() -> tuple[Callable[..., Any], Callable[[], object]]:
    return lambda x: mg.sum(x) * len(sys.argv), lambda: sys.argv.append("--more")


FOLLOWED: dict[str, Case] = {
    "grad": held_by(mg.grad),
    "value_and_grad": held_by(mg.value_and_grad),
    "hessian": held_by(mg.hessian),
    "jacobian": held_by(mg.jacobian),
    "vmap": held_by(lambda f: mg.vmap(f)),
    "grad of grad": held_by(lambda f: mg.grad(_sum_of(mg.grad(f)))),
    "checkpointed": held_by(mg.checkpointed),
    "program": held_by(mg.define),
    "event": of_event,
    "text in memory": of_text_in_memory,
    "module with __getattr__": of_module_with_getattr,
    "arguments of the script": of_arguments_of_the_script,
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_change_makes_another_program(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    step, change = FOLLOWED[name]()
    program: Any = mg.define(step)
    before = program(X).item()
    program(X)
    assert program.traces == 1
    change()
    after = step(mg.tensor(X)).item()
    assert program(X).item() == pytest.approx(after, rel=1e-12)
    assert after != before


def _read(path: Path, load: Callable[[Any], Any]) -> Any:
    with open(path) as file:
        return load(file)


def _numbers(folder: Path) -> Array:
    loaded: Array = np.load(folder / "numbers.npy")
    return loaded


REFUSED: dict[str, Callable[[Path], Callable[[Any], Any]]] = {
    "open": lambda folder: lambda x: x * _read(folder / "k.json", lambda file: float(file.read())),
    "read_text": lambda folder: lambda x: x * float((folder / "k.json").read_text()),
    "json.load": lambda folder: lambda x: x * _read(folder / "k.json", json.load),
    "np.load": lambda folder: lambda x: x * _numbers(folder),
    "np.fromfile": lambda folder: lambda x: x * np.fromfile(folder / "numbers.npy")[-3:],
    "os.path.exists": lambda folder: lambda x: x * (2.0 if os.path.exists(folder / "more") else 1.0),
    "Path.exists": lambda folder: lambda x: x * (2.0 if (folder / "more").exists() else 1.0),
    "os.listdir": lambda folder: lambda x: x * len(os.listdir(folder)),
    "os.getcwd": lambda folder: lambda x: x * len(os.getcwd()),
    "a generator without a seed": lambda folder: lambda x: x * np.random.default_rng().standard_normal(3),
    "secrets": lambda folder: lambda x: x * secrets.randbelow(10**6),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_and_random_numbers_of_the_system_are_refused_at_the_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text("1.0")
    np.save(tmp_path / "numbers.npy", np.ones(3))
    program: Any = mg.define(REFUSED[name](tmp_path))
    with pytest.raises(TraceError, match=f"(?s)(looks at files|random numbers).*{Path(__file__).name}"):
        program(X)


def test_a_generator_with_a_seed_of_its_own_is_no_such_number() -> None:
    program: Any = mg.define(lambda x: x * np.random.default_rng(3).standard_normal(3))
    np.testing.assert_array_equal(program(X).numpy(), X * np.random.default_rng(3).standard_normal(3))
