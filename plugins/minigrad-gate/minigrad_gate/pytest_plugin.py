"""The pytest fixture `gate`: checks of custom gradients in the tests of their authors.

Loaded by pytest, so it imports nothing before the fixture is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from minigrad_gate.certificate import ForeignCertificate

__all__ = ["Gate", "gate"]


class Gate:
    """Checks by framework; a test that lacks the framework is skipped with the reason."""

    def torch(self, function: Any, *sample: Any, **options: Any) -> ForeignCertificate:
        """Run `minigrad_gate.check_torch`."""
        __tracebackhide__ = True
        return self._check("torch", "check_torch", function, *sample, **options)

    def jax(self, function: Any, *sample: Any, **options: Any) -> ForeignCertificate:
        """Run `minigrad_gate.check_jax`."""
        __tracebackhide__ = True
        return self._check("jax", "check_jax", function, *sample, **options)

    def autograd(self, function: Any, *sample: Any, **options: Any) -> ForeignCertificate:
        """Run `minigrad_gate.check_autograd`."""
        __tracebackhide__ = True
        return self._check("autograd", "check_autograd", function, *sample, **options)

    def _check(self, framework: str, name: str, *args: Any, **options: Any) -> ForeignCertificate:
        __tracebackhide__ = True
        pytest.importorskip(framework, reason=f"{framework} is not installed")
        certificate: ForeignCertificate = getattr(import_module("minigrad_gate"), name)(*args, **options)
        return certificate


@pytest.fixture(scope="session")
def gate() -> Gate:
    """The gate: `gate.torch(MyFunction, x)`, `gate.jax(f, x)`, `gate.autograd(primitive, x)`."""
    return Gate()
