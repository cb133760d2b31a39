"""An op in words: what it computes, its rule as written, what was checked and how sharply."""

from __future__ import annotations

import inspect

import attrs

from minigrad import api
from minigrad.core import REGISTRY, Op
from minigrad.core.errors import OpError, nearest
from minigrad.docs.markdown import source_of
from minigrad.ops.plugins import find, refusal_of
from minigrad.verify.certificate import certificate_of
from minigrad.verify.declare import declaration_of

__all__ = ["OpFacts", "describe_op", "facts_of", "find_op"]


@attrs.frozen
class OpFacts:
    """What is known of an op, in words.

    Attributes:
        name: under which it is registered.
        call: its arguments and options, as `name(x, *, axis=-1)`.
        text: its docstring.
        forward: source of the function on arrays, empty where that is NumPy's own.
        rules: source of each vector-Jacobian product.
        facts: label and text of what the gate was told and what it checked.
        certificate: what the gate noted, as it prints it.
    """

    name: str
    call: str
    text: str
    forward: str
    rules: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    certificate: str


def find_op(name: str) -> Op:
    """The registered op of that name, those of plugins too.

    Raises:
        OpError: there is none; names the nearest, or says why a plugin's was refused.
    """
    api.register_all()
    op = REGISTRY.get(name) or find(name)
    if op is None:
        if why := refusal_of(name):
            raise OpError(f"op {name!r} was refused when its plugin was loaded. {why}")
        raise OpError(f"no op is called {name!r}.{nearest(name, [o.name for o in REGISTRY])} minigrad ops lists them")
    return op


def facts_of(op: Op) -> OpFacts:
    """Collect what is known of a registered op."""
    declared = declaration_of(op)
    claims = [name for name, claimed in attrs.asdict(op.claims).items() if claimed]
    domains = [_domain(op, k) for k in range(len(op.arguments))]
    facts = [("domain", "; ".join(domains))]
    facts.append(("kinks", _kinks(declared.kinks) if declared.kinks else "none"))
    if declared.shapes:
        facts.append(("shapes checked", "; ".join(" and ".join(map(str, shapes)) for shapes in declared.shapes)))
    if any(declared.params):
        facts.append(("options checked", "; ".join(_options(p) for p in declared.params if p)))
    if claims:
        facts.append(("claims, each checked", ", ".join(claims).replace("_", " ")))
    if op.numpy is not None:
        facts.append(("NumPy function", f"numpy.{getattr(op.numpy, '__name__', '')}"))
    facts.append(("defined in", op.module))
    return OpFacts(
        op.name,
        _call(op),
        inspect.cleandoc(op.__doc__ or "") if op.module != "numpy" else "NumPy's function of that name, as it is.",
        source_of(op.forward),
        tuple(text for rule in op.rules if (text := source_of(rule.function))),
        tuple(facts),
        str(certificate_of(op)),
    )


def describe_op(name: str) -> str:
    """All about an op, for a terminal.

    Raises:
        OpError: there is no op of that name; names the nearest.
    """
    known = facts_of(find_op(name))
    parts = [known.call, known.text]
    parts.append("\n".join(f"{label}: {text}" for label, text in known.facts))
    parts += [known.forward, *known.rules] if known.rules or known.forward else []
    parts.append(known.certificate)
    return "\n\n".join(part for part in parts if part)


def _call(op: Op) -> str:
    names = [("*" if a.variadic else "") + a.name for a in op.arguments]
    options = [*sorted(op.required), *(f"{k}={v!r}" for k, v in op.defaults.items())]
    star = ["*"] if options and not op.arguments[-1].variadic else []
    return f"{op.name}({', '.join([*names, *star, *options])})"


def _domain(op: Op, index: int) -> str:
    argument, domain = op.arguments[index], declaration_of(op).domain(index)
    if domain is None:
        return f"{argument.name}: by samples of its own"
    shape = f" of shape {domain.shape}" if domain.shape else ""
    slope = "" if argument.differentiable else ", no gradient"
    return f"{argument.name}: {domain.kind.replace('_', ' ')}{shape}{slope}"


def _kinks(kinks: object) -> str:
    if isinstance(kinks, str):
        return "ties, which are equal entries" if kinks == "ties" else kinks
    if callable(kinks):
        return "placed by a function of its own"
    return ", ".join(f"{k:g}" for k in kinks) if isinstance(kinks, list | tuple) else str(kinks)


def _options(options: object) -> str:
    assert isinstance(options, dict)
    return ", ".join(f"{k}={v!s:.40}" for k, v in options.items())
