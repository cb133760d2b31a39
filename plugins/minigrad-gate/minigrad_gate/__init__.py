"""minigrad's gate for gradients that were written for PyTorch, JAX and HIPS autograd."""

from minigrad_gate.certificate import ForeignCertificate
from minigrad_gate.hips_check import check_autograd
from minigrad_gate.jax_check import check_jax
from minigrad_gate.torch_check import check_torch

__all__ = ["ForeignCertificate", "check_autograd", "check_jax", "check_torch"]
