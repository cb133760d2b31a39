"""`minigrad.optimizer`. Light to import: what it needs is loaded when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from minigrad.optim.gradient_transforms import Clip
    from minigrad.optim.stateful.buckets import Parameters
    from minigrad.optim.stateful.factory import Group
    from minigrad.optim.stateful.optimizer import Driver
    from minigrad.optim.stateful.param_groups import Hyper
    from minigrad.optim.stateful.shadow_weights import Average, LookAhead

__all__ = ["optimizer"]


def optimizer(
    name: str,
    params: Parameters,
    *,
    groups: Sequence[Group] = (),
    decoupled: bool = False,
    clip: Clip | None = None,
    maximise: bool = False,
    accumulate: int = 1,
    average: Average | None = None,
    lookahead: LookAhead | None = None,
    missing: Literal["error", "zero"] = "error",
    nonfinite: Literal["skip", "raise"] = "skip",
    **hyper: Hyper,
) -> Driver:
    """An installed optimizer, ready to train `params`.

    The parameters move into flat buffers of the optimizer. A parameter belongs to one optimizer at a time.

    Args:
        name: entry-point name, as `minigrad.optim.available()` lists them, or `distribution:name`.
        params: leaves with requires_grad: Tensors, (name, Tensor) pairs, or a mapping of names to Tensors.
        groups: parameters that need other hyperparameters than the rest.
        decoupled: whether `weight_decay` shrinks the parameters themselves, w <- w (1 - lr weight_decay), as in AdamW,
            or adds `weight_decay * w` to the gradient (default).
        clip: `ClipNorm(1.0)`, `ClipValue(1.0)` or `ClipAdaptive(0.01)`, after averaging and before weight decay.
        maximise: climb instead of descend.
        accumulate: number of `backward`, `step` rounds whose mean gradient makes one update.
        average: `Ema(rate=0.999)` or `Swa(start=100)`, averages of the parameters for `with opt.averaged(): ...`.
        lookahead: `LookAhead(every=5, pull=0.5)`, slow weights that the parameters return to.
        missing: "error" if a parameter without gradient is a mistake, "zero" if its gradient is then 0.
        nonfinite: "skip" a step whose gradient or result is not finite, with a warning, or "raise".
        hyper: hyperparameters of the rule, numbers or Schedules; and `weight_decay` for any rule (0 by default).

    Raises:
        UnknownOptimizer, PluginError: the name is unknown, or the plugin behind it is broken.
        HyperparameterError: a hyperparameter is unknown or out of range.
        ParameterError: `params` are not trainable leaves.
    """
    from minigrad.optim.stateful.factory import assemble
    from minigrad.optim.stateful.param_groups import Settings

    settings = Settings(clip, maximise, accumulate, average, lookahead, missing, nonfinite)
    return assemble(name, params, groups, decoupled, settings, hyper)
