"""What an optimizer does not take: options, numbers, states, parameters, names."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from minigrad.core import Tensor, tensor
from minigrad.optim import (
    Group,
    HyperparameterError,
    Linear,
    NeedError,
    OptimizerError,
    ParameterError,
    StateError,
    UnknownOptimizer,
    optimizer,
)
from support.missing_plugins import needs
from support.optim_leaves import feed, leaves
from support.optim_problems import build


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": -1}, HyperparameterError, r"Adam\.lr must be a finite number >= 0, got -1"),
        ({"lr": float("nan")}, HyperparameterError, r"Adam\.lr must be a finite number >= 0, got nan"),
        ({"lr": "fast"}, HyperparameterError, r"Adam\.lr .* 'fast'"),
        ({"lr": True}, HyperparameterError, r"Adam\.lr .* True"),
        ({"beta1": 1.0}, HyperparameterError, r"Adam\.beta1 .*>= 0 and < 1"),
        ({"amsgrad": 1}, HyperparameterError, r"amsgrad must be True or False"),
        ({"learning_rate": 1.0}, HyperparameterError, "no option 'learning_rate'.*lr=0.001"),
        ({"beta": 0.5}, HyperparameterError, "Did you mean 'beta[12]'"),
        ({"betas": (0.9, 0.99)}, HyperparameterError, "no option 'betas'. That is beta1 and beta2 here"),
        ({"lr": 10**400}, HyperparameterError, r"Adam\.lr must be a finite number >= 0, got inf"),
        ({"lr": lambda t: 0.1}, HyperparameterError, "or a Schedule such as minigrad.optim.Cosine"),
        ({"maximize": True}, HyperparameterError, "no option 'maximize'. That is maximise here"),
        ({"weight_decay": -0.1}, HyperparameterError, "weight_decay must be"),
        ({"missing": "ignore"}, HyperparameterError, "missing must be one of"),
        ({"accumulate": 0}, HyperparameterError, "accumulate"),
        ({"groups": [Group("*.nothing", lr=1.0)]}, ParameterError, r"no parameter belongs to group '\*\.nothing'"),
        ({"groups": None}, ParameterError, "groups must be a list of Groups, such as .* got None"),
        ({"over": None}, UnknownOptimizer, "an optimizer is named by a text such as 'adam', got None"),
        ({"over": ["adam", 3]}, UnknownOptimizer, "an optimizer is named by a text such as 'adam', got 3"),
        ({"lr": Linear(1.0, -1.0, 2)}, HyperparameterError, "step 3, from its schedule"),
        ({"lr": Linear(0.7, -0.1, 8)}, HyperparameterError, "step 9, from its schedule"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], error: type[Exception], message: str) -> None:
    params = leaves()

    def attempt() -> None:
        opt = build("adam", params, **options)
        for t in range(9):
            feed(opt, params, t)

    with pytest.raises(error, match=message):
        attempt()


def test_what_is_no_number_state_or_name_is_refused() -> None:
    opt = build("adam", leaves())
    state = opt.state_dict()
    onto_another = dict([list(leaves())[:2]])
    calls: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: setattr(opt, "t", "x"), OptimizerError, "number of completed updates"),
        (lambda: opt.report(cast("float", "low")), OptimizerError, "the loss as one number, not 'low'"),
        (lambda: opt.step(cast("Callable[[], Tensor]", 3)), NeedError, "takes a closure or a list of closures"),
        (lambda: opt.freeze(cast(str, 3)), ParameterError, "freeze takes names of parameters"),
        (lambda: opt.load_state_dict(cast("dict[str, object]", 3)), StateError, "is a mapping, not a int"),
        (lambda: opt.load_state_dict({**state, "order/0.float64": "[3"}), StateError, "damaged: order/0.float64 is"),
        (
            lambda: opt.load_state_dict(state, rename=cast("dict[str, str]", ["m"])),
            StateError,
            "a mapping of names, not",
        ),
        (lambda: opt.load_state_dict(state, strict=cast(bool, "no")), StateError, "strict is True or False, not 'no'"),
        (lambda: opt.load_state_dict(state, strict=False, rename=onto_another), StateError, "states of several param"),
        (lambda: optimizer(cast(str, 5), leaves()), UnknownOptimizer, "named by a text such as"),
        (lambda: optimizer("sgd", cast("list[Tensor]", [(1, 2, 3)])), ParameterError, "is a pair"),
        (lambda: optimizer("sgd", cast("list[Tensor]", [{"params": []}])), ParameterError, "groups=.Group"),
    ]
    for call, error, message in calls:
        with pytest.raises(error, match=message) as caught:
            call()
        assert len(str(caught.value)) < 300


def test_bad_parameters_are_named() -> None:
    w = tensor([1.0], requires_grad=True)
    with pytest.raises(ParameterError, match="frozen"):
        optimizer("sgd", {"frozen": tensor([1.0])})
    for copied in (w.copy(), w * 2.0):
        with pytest.raises(ParameterError, match="'w' is no leaf"):
            optimizer("sgd", {"w": copied})
    with pytest.raises(ParameterError, match="at least one"):
        optimizer("sgd", [])
    with pytest.raises(ParameterError, match="two different"):
        optimizer("sgd", [("a", w), ("a", tensor([1.0], requires_grad=True))])
    with pytest.raises(ParameterError, match="list of parameters"):
        optimizer("sgd", w)
    assert len(optimizer("sgd", [w, w]).state_dict()) > 0


@needs("minigrad-modern")
def test_unknown_names_list_what_is_installed() -> None:
    w = tensor([1.0], requires_grad=True)
    with pytest.raises(UnknownOptimizer, match=r"'nwton'. Did you mean 'newton'\? Installed: .* more") as raised:
        optimizer("nwton", [w])
    assert len(str(raised.value)) < 300
    with pytest.raises(UnknownOptimizer, match=r"'adma'. Did you mean 'adam'\? Installed: .*adam \(minigrad 0"):
        optimizer("adma", [w])


@needs("minigrad-newton")
def test_needs_are_checked_before_the_first_step() -> None:
    w = tensor([1.0], requires_grad=True)
    opt = optimizer("newton", [w])
    with pytest.raises(NeedError, match=r"newton \(minigrad-newton 0.1.0\) needs HESSIAN.*closure"):
        opt.step()
    with pytest.raises(NeedError, match="REEVAL"):
        optimizer("nesterov", [w], form="lookahead").step()
