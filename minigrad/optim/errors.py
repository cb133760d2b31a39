"""What can go wrong with an optimizer, by kind.

Each message names the plugin or field, the reason and the remedy.
"""

from __future__ import annotations

from minigrad.core.errors import MinigradError

__all__ = [
    "HyperparameterError",
    "LawError",
    "MissingGradient",
    "NeedError",
    "NonFiniteGradient",
    "NonFiniteParameters",
    "NonFiniteWarning",
    "OptimizerError",
    "ParameterError",
    "PluginError",
    "SlowPluginWarning",
    "StateError",
    "UnknownOptimizer",
    "UpdateError",
]


class OptimizerError(MinigradError):
    """Base of everything an optimizer or its driver raises."""


class HyperparameterError(OptimizerError, ValueError):
    """A hyperparameter is unknown, of the wrong type or out of its range."""


class ParameterError(OptimizerError, ValueError):
    """The parameters given to an optimizer are not leaves that it can train."""


class MissingGradient(OptimizerError, RuntimeError):
    """A parameter received no gradient since `zero_grad`."""


class NonFiniteGradient(OptimizerError, ArithmeticError):
    """A gradient holds NaN or infinity, and the driver was told to raise."""


class NonFiniteParameters(OptimizerError, ArithmeticError):
    """An update in place, which cannot be undone, made parameters infinite or NaN."""


class NonFiniteWarning(RuntimeWarning):
    """A step was skipped because its gradient or result held NaN or infinity.

    Parameters and state are unchanged.
    """


class SlowPluginWarning(RuntimeWarning):
    """A plugin took seconds to be checked, which each program that uses it has to wait for."""


class NeedError(OptimizerError, TypeError):
    """A rule asks its objective for something that was not supplied: a closure, a Hessian, ..."""


class StateError(OptimizerError, ValueError):
    """Saved state does not fit the optimizer that loads it, or a state is not plain data."""


class UpdateError(OptimizerError, TypeError):
    """A rule returned no parameters of the same shape and dtype, or a state of another form."""


class UnknownOptimizer(OptimizerError, LookupError):
    """No installed distribution offers an optimizer of this name, or more than one does."""


class PluginError(OptimizerError):
    """A plugin was refused. The message names distribution, version, entry point and reason.

    Attributes:
        plugin: `name (distribution version, entry point value)`.
        reason: why it was refused.
    """

    def __init__(self, plugin: str, reason: str) -> None:
        super().__init__(f"optimizer {plugin} cannot be used: {reason}")
        self.plugin = plugin
        self.reason = reason

    def again(self) -> PluginError:
        """A new error that says what this one says."""
        return PluginError(self.plugin, self.reason)


class LawError(PluginError):
    """A plugin breaks a law that every optimizer must keep, or one that it claims.

    Attributes:
        law: the key of the broken law, such as `C1` or `D4`.
    """

    def __init__(self, plugin: str, law: str, reason: str) -> None:
        super().__init__(plugin, reason)
        self.law = law

    def again(self) -> LawError:
        """A new error that says what this one says."""
        return LawError(self.plugin, self.law, self.reason)
