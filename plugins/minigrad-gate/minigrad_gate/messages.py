"""The gate's refusals in the words of another framework, in less than 300 characters."""

from __future__ import annotations

import re

from minigrad import RegistrationError

MOST_CHARACTERS = 299

_REMEDIES = (
    ("use minigrad's functions", "{first_order}"),
    ("keep no statistic", "no statistic of the arguments may be kept as a constant"),
    ("no .data, no np.asarray", "{first_order}"),
    ("no special case in the rule", "no branch in {rule} that is constant there or drops to raw arrays"),
    ("write one rule for both", "no branch on whether a gradient is required: {rule} must give one value"),
    ("the rule must handle every case", "{rule} must handle every case that the function accepts"),
    ("mend the rule for", "mend {rule}, or declare kinks="),
    ("write the rule with library ops", "{first_order}"),
    ("a vector-Jacobian product multiplies g", "{rule} multiplies g: no abs, clip, threshold or random number"),
    ("find the overflow or", "find the overflow, or the division by zero, in the formula"),
    ("at a corner any mixture", "ties share one gradient; nothing is divided by a number that can be 0"),
    ("declare params= and shapes=", "pass samples that the function accepts"),
    ("declare shapes= or samples=", "pass samples that the function accepts"),
    ("declare the domain of each", "pass samples, or domains={{'x': minigrad.positive()}}, where it is finite"),
    ("declare the domain the", "pass samples away from corners, of moderate size, or declare kinks="),
    ("declare a domain or samples=", "pass samples at which the output really depends on the argument"),
    ("return one array for each", "return one gradient for each argument, None for those that have none"),
    ("keep the dtype", "keep the dtype of the arguments: no dtype= and no .double() or .float() inside"),
    ("Python scalars keep the dtype", "keep the dtype of the arguments: no dtype= and no .double() or .float() inside"),
    ("take random numbers and", "pass random numbers as an argument; .eval() for a module"),
    ("the rule must not depend on the dtype", "{rule} must not depend on the dtype of its arguments"),
)  # fmt: skip


def reworded(
    error: RegistrationError, kind: str, name: str, rule: str, framework: str, first_order: str
) -> RegistrationError:
    """Word a refusal for the author of a foreign function.

    Args:
        error: what the gate says of the op that stands for the function.
        kind: what the function is, such as "torch.autograd.Function".
        name: of the function.
        rule: what the framework calls the rule for a gradient.
        framework: name of the framework.
        first_order: how to get a second derivative right, or say that there is none.

    Returns:
        An error of the same class, with the same finding.
    """
    head, *rest = str(error).split("\n")
    head = re.sub(rf"^op '{re.escape(name)}'", f"{kind} {name!r}", head)
    lines = {line.strip().split(":", 1)[0]: line for line in rest}
    remedy = lines.get("next", "").strip().removeprefix("next: ")
    for beginning, text in _REMEDIES:
        if remedy.startswith(beginning):
            remedy = text.format(rule=rule, framework=framework, first_order=first_order)
    parts = [_words(head, rule)]
    parts += [_words(lines[key], rule) for key in ("worst entry", "case") if key in lines]
    parts += [f"  next: {remedy}"] if remedy else []
    again = type(error)(fitted(parts))
    again.finding = error.finding
    return again


def _words(text: str, rule: str) -> str:
    for old, new in (
        ("its rule", f"its {rule}"),
        ("the rule", rule),
        ("rule is smooth", "function is smooth"),
        ("its forward function raises RefusedAloud on a sample: ", "it raises on a sample: "),
        ("its forward function", "it"),
        ("raises RefusedAloud: ", "raises "),
        ("RefusedAloud: ", ""),
        (", differences give nan +- 1.0e+00", ""),
        ("gradient of the rule", f"gradient of {rule}"),
    ):
        text = text.replace(old, new)
    return text


def fitted(parts: list[str], most: int = MOST_CHARACTERS) -> str:
    """Lines joined to at most `most` characters.

    What goes first is what can be found out otherwise: the seed and the relative error, then the end of the remedy and
    the dtypes of the case, then the ends of both.
    """
    attempts = [parts]
    if parts and any(p.startswith("  case: sample") for p in parts):  # the author knows it
        attempts.append([p for p in parts if not p.startswith("  case: sample")])
        parts = attempts[-1] if len("\n".join(parts)) > most else parts
    short = [_shorter(p) for p in parts]
    attempts.append(short)
    attempts.append([_first_clause(p) if p.startswith("  next") else p for p in short])
    for lines in attempts:
        if len(text := "\n".join(lines)) <= most:
            return text
    lines = attempts[-1]
    for beginning, least in (("  case", 40), ("  next", 36), ("  next", 0), ("  case", 20), ("  case", 0)):
        for k, line in enumerate(lines):
            excess = len("\n".join(lines)) - most
            if excess > 0 and line.startswith(beginning):
                lines[k] = f"{line[: max(least, len(line) - excess - 1)]}…" if least else ""
        lines = [line for line in lines if line]
    text = "\n".join(lines)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _shorter(part: str) -> str:
    """A line without what can be found out otherwise: seed, dtype, relative error."""
    part = re.sub(r"; seed \d+$| \+- 0\.0e\+00", "", part).rstrip()
    if part.startswith("  case"):
        return part.replace(" float64", "")
    return re.sub(r" \(relative error [^:)]*(?:: ([^)]*))?\)", lambda m: f" ({m[1]})" if m[1] else "", part)


def _first_clause(part: str) -> str:
    return "  next: " + re.split(r"[;:(] |, (?=or |not )| \(", part.removeprefix("  next: "))[0]
