"""`check_autograd`: the gate for primitives of HIPS autograd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minigrad import InvalidRule
from minigrad_gate.certificate import ForeignCertificate
from minigrad_gate.examination import CheckRequest, examine
from minigrad_gate.foreign import ForeignFunction, ForeignTensor, Options, uncalled
from minigrad_gate.hips_contract import AutogradContract
from minigrad_gate.hips_framework import AutogradFramework
from minigrad_gate.samples import SampledCalls, calls_of, identifier, parameter_names, raw_samples, refuse_unusable


def check_autograd(
    function: Any,
    *sample: Any,
    samples: Any = None,
    second_order: bool = True,
    third_order: bool = False,
    derive: bool = True,
    domains: Mapping[str, Any] | None = None,
    kinks: Any = (),
    elementwise: bool = False,
    linear: bool = False,
    seed: int | None = None,
) -> ForeignCertificate:
    """Check the gradient of a primitive with the engine that checks minigrad's own ops.

    Arrays among the arguments are examined, in float64 and in float32; everything else (numbers of Python too) is an
    option and handed on.

    Args:
        function: made by `autograd.extend.primitive`, or a function that uses such.
        *sample: the arguments of one call.
        samples: more of them: a list of tuples of arguments, or a function of a NumPy generator that yields them.
        second_order: whether second derivatives are examined.
        third_order: whether third derivatives are examined too, which few frameworks get right.
        derive: whether shapes, options and numbers beside those of the samples are tried.
        domains: where such numbers may be drawn from, by argument: `{"x": minigrad.positive()}`.
        kinks: where the function has corners: numbers, "ties", or a function as `minigrad.op` takes it.
        elementwise: claim that each output entry depends on the entries at its place only; found out by itself too.
        linear: claim that the output is linear in all arguments together.
        seed: of the numbers drawn.

    Returns:
        The certificate: what was compared, and the smallest error that would have shown.

    Raises:
        GradientMismatch: the gradient is wrong.
        InvalidRule: the rule breaks the contract of a rule.
        InconclusiveCheck: the samples could not have revealed an error.
        GradientError: there is nothing to differentiate.
        ImportError: autograd is not installed.
    """
    __tracebackhide__ = True
    framework = AutogradFramework()
    if not callable(function):
        raise InvalidRule(f"check_autograd takes a primitive or a function of arrays, not {type(function).__name__}")
    name = identifier(str(getattr(function, "__name__", "function")))
    kind = "autograd primitive" if hasattr(function, "fun") else "function"
    raw = raw_samples(sample, samples, framework.is_tensor, f"check_autograd({name})")
    patterns = calls_of(
        raw, parameter_names(getattr(function, "fun", function)), framework.is_tensor, framework.numbers
    )
    refuse_unusable(patterns, kind, name, "np.array(2.0)")

    def of_pattern(template: ForeignFunction, calls: SampledCalls) -> ForeignFunction:
        def call(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
            args, kwargs = calls.pattern.arguments(tensors, options)
            y = function(*args, **kwargs)
            return tuple(y) if isinstance(y, tuple | list) else (y,)

        return calls.function(template, call)

    request = CheckRequest(
        kind=kind, framework="autograd.numpy",
        first_order="autograd.numpy in the rule, not NumPy; or second_order=False",
        second_order=second_order, third_order=third_order,
        derive=derive, domains=domains, kinks=kinks,
        claims={"elementwise": elementwise, "linear": linear}, seed=seed,
    )  # fmt: skip
    template = ForeignFunction(framework, name, (), (), uncalled)
    return examine(template, patterns, request, AutogradContract(framework), of_pattern)
