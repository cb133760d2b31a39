"""The former place of `minigrad.transforms.grad`; importing it warns."""

from minigrad.lazy import warn_renamed
from minigrad.transforms.grad import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

warn_renamed(__name__, "minigrad.transforms.grad")
