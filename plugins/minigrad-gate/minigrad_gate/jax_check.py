"""`check_jax`: the gate for custom gradients of JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minigrad import GradientError, InvalidRule
from minigrad_gate.certificate import ForeignCertificate
from minigrad_gate.examination import CheckRequest, examine
from minigrad_gate.foreign import ForeignFunction, ForeignTensor, Options, uncalled
from minigrad_gate.jax_contract import JaxContract
from minigrad_gate.jax_framework import JaxFramework
from minigrad_gate.samples import SampledCalls, calls_of, identifier, parameter_names, raw_samples, refuse_unusable


def check_jax(
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
    """Check a gradient written for JAX with the engine that checks minigrad's own ops.

    Arrays among the arguments are examined, in float64 and in float32; everything else (numbers of Python too, and
    random keys) is an option and handed on. A dict, list or tuple of arrays is taken apart.

    Args:
        function: made by `jax.custom_vjp` or `jax.custom_jvp`, or a function that uses such.
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
        InvalidRule: the rule breaks the contract of a rule, JAX's or the gate's.
        InconclusiveCheck: the samples could not have revealed an error.
        GradientError: there is nothing to differentiate.
        ImportError: jax is not installed.
    """
    __tracebackhide__ = True
    framework = JaxFramework()
    if not callable(function):
        raise InvalidRule(f"check_jax takes a function of arrays, not {type(function).__name__}")
    kind = f"jax.{type(function).__name__}" if type(function).__name__ in ("custom_vjp", "custom_jvp") else "function"
    name = identifier(str(getattr(function, "__name__", "function")))
    raw = raw_samples(sample, samples, framework.is_tensor, f"check_jax({name})")
    patterns = calls_of(raw, parameter_names(function), framework.is_tensor, framework.numbers)
    refuse_unusable(patterns, kind, name, "jnp.asarray(2.0)")

    def of_pattern(template: ForeignFunction, calls: SampledCalls) -> ForeignFunction:
        def call(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
            args, kwargs = calls.pattern.arguments(tensors, options)
            outputs = framework.jax.tree_util.tree_leaves(function(*args, **kwargs))
            if not outputs or not all(hasattr(y, "dtype") for y in outputs):
                raise GradientError(f"{kind} {name!r} returned no array: its gradient is lost on the way")
            return tuple(outputs)

        whole = calls.function(template, call)
        framework.compiles = True
        framework.compiles = _compiles(whole, calls)
        return whole

    request = CheckRequest(
        kind=kind, framework="JAX",
        first_order="no stop_gradient and no NumPy in the rule; or second_order=False",
        second_order=second_order, third_order=third_order, derive=derive,
        domains=domains, kinks=kinks,
        claims={"elementwise": elementwise, "linear": linear}, seed=seed,
    )  # fmt: skip
    with framework.double():
        template = ForeignFunction(framework, name, (), (), uncalled)
        return examine(template, patterns, request, JaxContract(framework), of_pattern)


def _compiles(function: ForeignFunction, calls: SampledCalls) -> bool:
    """Whether the function and its gradient can be compiled.

    What branches on numbers is checked uncompiled.
    """
    arrays, options = calls.arrays[0], calls.options[0]
    real = tuple(i for i in range(len(arrays)) if i not in calls.integers)
    try:
        outputs = function.forward(*arrays, **options)
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        function.gradient(real, len(several)).forward(*several, *arrays, **options)
    except Exception:  # what is wrong with it beyond that shows in the examination
        return False
    return True
