"""Record what PyTorch and JAX answer at special numbers: tests/data/op_policy.json.

    python tests/tools/op_policy_reference.py torch    # with a Python that has torch
    python tests/tools/op_policy_reference.py jax      # with a Python that has jax
    PYTHONPATH=.:tests python tests/tools/op_policy_reference.py minigrad   # also the right answers, and the page

The first two need no minigrad. The lists of functions are in tests/support/policy_peers.py.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).parents[1]
PATH = TESTS / "data" / "op_policy.json"


def _peers() -> Any:
    spec = importlib.util.spec_from_file_location("policy_peers", TESTS / "support" / "policy_peers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record_torch(expression: str, numbers: Any) -> list[list[str]]:
    """Value and slope of a PyTorch expression of x."""
    import torch

    x = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    y = eval(expression, {"torch": torch, "F": torch.nn.functional, "x": x})
    slope = torch.autograd.grad(y.sum(), x, allow_unused=True)[0] if y.requires_grad else None
    return [_texts(y.detach().numpy()), _texts(np.zeros(len(numbers)) if slope is None else slope.numpy())]


def record_jax(expression: str, numbers: Any) -> list[list[str]]:
    """Value and slope of a JAX expression of x."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def f(x: Any) -> Any:
        return eval(expression, {"jax": jax, "jnp": jnp, "lax": jax.lax, "nn": jax.nn, "x": x})

    x = jnp.array(numbers)
    return [_texts(np.asarray(f(x))), _texts(np.asarray(jax.grad(lambda t: f(t).sum())(x)))]


def _texts(numbers: Any) -> list[str]:
    return [repr(float(v)) for v in numbers]


def main() -> None:
    """Replace the answers of one library."""
    library, peers = sys.argv[1], _peers()
    answers = json.loads(PATH.read_text()) if PATH.exists() else {}
    if library == "minigrad":
        from support import policy_table

        answers |= {"minigrad": policy_table.ask_minigrad(), "right": policy_table.find_right()}
    else:
        record = {"torch": record_torch, "jax": record_jax}[library]
        answers[library] = {n: record(e, peers.NUMBERS) for n, e in getattr(peers, library.upper()).items()}
    _store(answers)
    if library == "minigrad":
        policy_table.PAGE.write_text(policy_table.page(policy_table.load()))


def _store(answers: dict[str, Any]) -> None:
    PATH.write_text(json.dumps(answers, indent=None, sort_keys=True).replace("]], ", "]],\n") + "\n")


if __name__ == "__main__":
    main()
