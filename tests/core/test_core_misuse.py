"""Arguments of a wrong kind: one short error of minigrad's own, and nothing is taken for numbers that is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import checkpoint, data, nn, train
from minigrad.core.errors import MinigradError

NESTED: list[object] = []
NESTED.append(NESTED)
NO_NUMBERS: dict[str, Any] = {
    "None": None, "a text": "3.5", "bytes": b"3", "a complex number": 1 + 2j, "complex numbers": np.array([1 + 2j]),
    "dates": np.array(["2020-01-01"], "M8[D]"), "spans of time": np.array([3], "m8[s]"),
    "objects": np.array([object()]), "texts": np.array(["1.5"]), "a dict": {"a": 1.0}, "a set": {1.0},
    "a list that contains itself": NESTED, "rows of two lengths": [[1.0], [1.0, 2.0]], "an object": object(),
    "a function": len,
}  # fmt: skip


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(MinigradError) as raised:
        call()
    assert len(str(raised.value)) < 300
    return str(raised.value)


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_no_numbers_becomes_no_tensor_and_no_target(name: str) -> None:
    value = NO_NUMBERS[name]
    refused(lambda: mg.tensor(value))
    refused(lambda: mg.tensor(value, dtype=np.float32))
    refused(lambda: nn.parameter(value))
    scores = mg.tensor(np.ones((1, 2)), requires_grad=True)
    for loss in (nn.mean_squared_error, nn.mean_absolute_error, nn.huber, nn.cross_entropy):
        if name not in ("a list that contains itself", "rows of two lengths"):
            refused(partial(loss, scores, value))
    model = nn.mlp(2, [3], 2, rng=0)
    before = {name: a.copy() for name, a in model.state_dict().items()}
    if isinstance(value, np.ndarray):
        state = {name: np.broadcast_to(value, a.shape) for name, a in before.items()}
        refused(lambda: model.load_state_dict(state))
    assert all(np.array_equal(before[name], a) for name, a in model.state_dict().items())


def test_numbers_of_every_kind_still_become_tensors() -> None:
    values: list[Any] = [
        1,
        2.5,
        True,
        [1, 2],
        (1.0, 2.0),
        range(3),
        np.float32(1),
        np.arange(3, dtype=np.uint8),
        [[]],
        2.0**70,
    ]
    for value in values:
        t = mg.tensor(value, dtype=np.float64)
        np.testing.assert_array_equal(t.numpy(), np.array(value, dtype=np.float64))


def w() -> mg.Tensor:
    return nn.parameter(np.ones(3))


FIVE: Any = 5
NONE: Any = None
TEXT: Any = "abc"
EMPTY: Any = {}
NUMBER: Any = 1j
NUMBERED: Any = {1: 2}
HALVES: Any = 1.5
NAN: Any = float("nan")
NUMPYS: Any = np.float64(2.7)

MISUSES: dict[str, Callable[[], Any]] = {
    "an optimizer called 5": lambda: mg.optimizer(FIVE, [w()]),
    "an optimizer called None": lambda: mg.optimizer(NONE, [w()]),
    "an unknown optimizer": lambda: mg.optimizer("nope", [w()]),
    "an optimizer over 5": lambda: mg.optimizer("look-ahead", [w()], over=(FIVE,)),
    "half an update": lambda: mg.optimizer("sgd", [w()], lr=0.1, accumulate=HALVES),
    "an update that never comes": lambda: mg.optimizer("sgd", [w()], lr=0.1, accumulate=NAN),
    "NumPy's 2.7 batches": lambda: mg.optimizer("sgd", [w()], lr=0.1, accumulate=NUMPYS),
    "no parameters": lambda: mg.optimizer("sgd", NONE, lr=0.1),
    "a rate that is a text": lambda: mg.optimizer("sgd", [w()], lr=TEXT),
    "no state": lambda: mg.optimizer("sgd", [w()], lr=0.1).load_state_dict(NONE),
    "a state of numbers": lambda: mg.optimizer("sgd", [w()], lr=0.1).load_state_dict(NUMBERED),
    "no weights": lambda: nn.mlp(2, [3], 2).load_state_dict(NONE),
    "fit without a model": lambda: mg.fit(NONE, data.load("iris")),
    "fit with callbacks that are none": lambda: mg.fit(nn.mlp(4, [], 3), data.load("iris"), callbacks=[NONE]),
    "a monitor of 5": lambda: train.Monitor(FIVE),
    "an engine called 5": lambda: mg.define(lambda x: x, engine=FIVE),
    "a program of 5": lambda: mg.define(FIVE),
    "a layer given a text": lambda: nn.Linear(2, 2)(TEXT),
    "a layer given a dict": lambda: nn.Linear(2, 2)(EMPTY),
    "a model given None": lambda: nn.mlp(2, [3], 2)(NONE),
    "scores that are a text": lambda: nn.cross_entropy(TEXT, np.array([0])),
    "logits that are a dict": lambda: mg.cross_entropy(EMPTY, EMPTY),
    "einsum of a number": lambda: mg.einsum(NUMBER),
    "einsum of a text": lambda: mg.einsum("ij", TEXT),
    "a stack of 3": lambda: mg.stack(FIVE),
    "a text as index": lambda: mg.tensor([1.0, 2.0])[TEXT],
    "a float as index": lambda: mg.tensor([1.0, 2.0])[HALVES],
    "floats as index": lambda: mg.tensor([1.0, 2.0])[np.array([1.5])],
    "an index of 400 digits": lambda: mg.tensor([1.0, 2.0])[10**400],
    "too many indices": lambda: mg.tensor([1.0, 2.0])[0, 0],
    "a sum with 400 digits": lambda: mg.tensor([1.0]) + 10**400,
    "a byte plus 300": lambda: mg.tensor(np.ones(2, np.uint8)) + 300,
    "a checkpoint of 5": lambda: checkpoint.save("x", FIVE),
    "a checkpoint nowhere": lambda: checkpoint.save(NONE, nn.Linear(1, 1)),
    "a checkpoint of no optimizer": lambda: checkpoint.save("x", nn.Linear(1, 1), FIVE),
    "a load from nowhere": lambda: checkpoint.load(NONE),
    "a data set of 5,000 letters": lambda: data.load("x" * 5_000),
    "a data set with a zero byte": lambda: data.load("a\0b"),
    "a table of 5,000 letters": lambda: data.load("x" * 200 + ".csv"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_misuse_is_one_short_error(name: str) -> None:
    refused(MISUSES[name])


def test_an_attribute_that_a_layer_lacks_is_still_said_as_it_is() -> None:
    class Wrong(nn.Module):
        def forward(self, x: mg.Tensor) -> mg.Tensor:
            return self.nothing(x)  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(AttributeError, match="nothing"):
        Wrong()(mg.tensor([1.0]))
