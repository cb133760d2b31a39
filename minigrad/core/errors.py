"""The errors minigrad raises. Each says what was wrong, where, and what to do next.

Imports no NumPy, so that the command line can use it before NumPy is loaded.
"""

from __future__ import annotations

from minigrad.text import nearest as nearest


class MinigradError(Exception):
    """Base of every error that minigrad raises on purpose."""


class RegistrationError(MinigradError):
    """An op was refused by the gate; nothing of it is left in the registry.

    `finding` holds the same as the message, as data (`minigrad.verify.refusal.Finding`), where the gate has measured.
    """

    finding: object = None


class InvalidRule(RegistrationError):
    """A rule breaks the contract of a rule.

    In shape, dtype, purity, determinism, homogeneity or arity.
    """


class GradientMismatch(RegistrationError):
    """A rule disagrees with finite differences by more than their error bar."""


class InconclusiveCheck(RegistrationError):
    """The check could not have failed, so it is not a pass.

    The op needs a better domain, samples or kinks.
    """


class OpError(MinigradError):
    """A registered op could not be applied to the given arguments."""


class ShapeError(OpError, ValueError):
    """Shapes, axes or values of the arguments do not fit the op."""


class ArgumentError(OpError, TypeError):
    """An argument is of a kind that is no numbers, or none that fits."""


class IndexKeyError(ShapeError, IndexError):
    """What stands in brackets behind a Tensor is no index, or is out of range."""


class NumberTooLarge(OpError, OverflowError):
    """A Python number does not fit the dtype of what it stands beside."""


class UnregisteredOp(OpError, TypeError):
    """An op was applied to a Tensor before `register` had verified it."""


class UnsupportedFunction(MinigradError, TypeError):
    """A NumPy function that minigrad cannot differentiate was called on a Tensor."""


class GradientError(MinigradError, RuntimeError):
    """Backward cannot be run here: no graph, no scalar, or a wrong seed."""


class StaleGraphError(GradientError):
    """Backward would use a parameter whose numbers have changed since the graph was built.

    An optimizer has changed them.
    """
