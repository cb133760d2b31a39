"""`check_torch`: the gate for custom gradients of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minigrad_gate.certificate import ForeignCertificate
from minigrad_gate.examination import CheckRequest, examine
from minigrad_gate.foreign import ForeignFunction, uncalled
from minigrad_gate.samples import calls_of, raw_samples, refuse_unusable
from minigrad_gate.torch_contract import TorchContract
from minigrad_gate.torch_framework import TorchFramework
from minigrad_gate.torch_subject import subject_of


def check_torch(
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
    """Check a gradient written for PyTorch with the engine that checks minigrad's own ops.

    Tensors among the arguments are examined, in float64 and in float32; everything else is an option and handed on.

    Args:
        function: a subclass of `torch.autograd.Function`, a module (its parameters are examined too), or a function
            of tensors.
        *sample: the arguments of one call, as for `torch.autograd.gradcheck`.
        samples: more of them: a list of tuples of arguments, or a function of a NumPy generator that yields them.
        second_order: whether double backward is examined; what is marked `once_differentiable` says no aloud.
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
        InvalidRule: backward breaks the contract of a rule, PyTorch's or the gate's.
        InconclusiveCheck: the samples could not have revealed an error.
        GradientError: there is nothing to differentiate.
        ImportError: torch is not installed.
    """
    __tracebackhide__ = True
    framework = TorchFramework()
    subject = subject_of(framework.torch, function)
    raw = raw_samples(sample, samples, framework.is_tensor, f"check_torch({subject.name})")
    patterns = calls_of(raw, subject.names, framework.is_tensor, framework.numbers)
    patterns = [subject.with_parameters(framework, p) for p in patterns]
    refuse_unusable(patterns, subject.kind, subject.name, "torch.tensor(2.0)")
    request = CheckRequest(
        kind=subject.kind, framework="torch",
        first_order="save arguments and outputs only, no .detach() or NumPy; or mark it @once_differentiable",
        second_order=second_order, third_order=third_order, derive=derive, domains=domains, kinks=kinks,
        claims={"elementwise": elementwise, "linear": linear}, seed=seed,
    )  # fmt: skip
    template = ForeignFunction(framework, subject.name, (), (), uncalled)
    with framework.one_thread():
        return examine(template, patterns, request, TorchContract(framework, subject), subject.of_pattern)
