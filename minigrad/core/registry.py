"""The registry: every op that may touch a Tensor.

Each was entered with a certificate from the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from minigrad.core.errors import RegistrationError, UnregisteredOp, nearest
from minigrad.core.op import Certificate, Op

Handler: TypeAlias = Callable[..., object]


class _Ops(dict[str, Op]):
    """Ops by name or role, with an error that says which one is not there.

    Asking costs the hot path nothing.
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def __missing__(self, word: str) -> Op:
        raise UnregisteredOp(
            f"no op {self.key} {word!r} is registered.{nearest(word, self)}"
            + ("" if self else " The op library is not loaded: import minigrad.ops")
        )


class Registry:
    """Ops by name, by role, and by the NumPy function they stand for.

    Written to by `minigrad.register` only.

    The tape knows no op by name. Two tasks of its own it leaves to ops that declare a role:

    - "unbroadcast": `op(x, shape=...)` sums x over broadcast axes until it has `shape`.
    - "cast": `op(x, dtype=...)` is x in another floating dtype.

    Attributes:
        ops: name -> op, for reading: the quickest way to an op whose name is known.
        roles: role -> op, likewise.
    """

    def __init__(self) -> None:
        self.ops = _Ops("named")
        self.roles = _Ops("with the role")
        self._ufuncs: dict[np.ufunc, Op] = {}
        self._functions: dict[Callable[..., object], Handler] = {}

    def __getitem__(self, name: str) -> Op:
        return self.ops[name]

    def __contains__(self, name: object) -> bool:
        return name in self.ops

    def __iter__(self) -> Iterator[Op]:
        return iter(tuple(self.ops.values()))

    def __len__(self) -> int:
        return len(self.ops)

    def get(self, name: str) -> Op | None:
        """The op of that name, or None."""
        return self.ops.get(name)

    def role(self, role: str) -> Op:
        """The op that performs a task of the tape.

        Raises:
            UnregisteredOp: the op library, which declares it, is not loaded.
        """
        return self.roles[role]

    def check_unregistered(self, op: Op) -> None:
        """Refuse an op whose name, role or NumPy function is taken.

        Raises:
            RegistrationError: one of them is taken.
        """
        other = self.ops.get(op.name)
        if other is not None:
            raise RegistrationError(
                f"an op named {op.name!r} is registered already (from {other.module}). Choose another name=..."
            )
        if op.role in self.roles:
            raise RegistrationError(f"op {op.name!r}: op {self.roles[op.role].name!r} has the role {op.role!r} already")
        stands_for = op.numpy
        if stands_for is not None and (stands_for in self._ufuncs or stands_for in self._functions):
            raise RegistrationError(
                f"op {op.name!r}: numpy.{getattr(stands_for, '__name__', stands_for)} already stands for another op"
            )

    def add(self, op: Op, certificate: Certificate) -> None:
        """Enter an op.

        Args:
            op: not registered yet.
            certificate: the gate's own for this very op, which stays as it was checked.

        Raises:
            RegistrationError: the certificate is another op's, or name, role or NumPy function are taken.
        """
        if not certificate.covers(op):
            raise RegistrationError(
                f"op {op.name!r}: the certificate belongs to op {certificate.subject.name!r} as it was when checked; "
                "call minigrad.register, and change nothing in between"
            )
        self.check_unregistered(op)
        op._certificate = certificate
        stands_for = op.numpy
        if isinstance(stands_for, np.ufunc):
            self._ufuncs[stands_for] = op
        elif stands_for is not None:
            self._functions[stands_for] = op
        if op.role:
            self.roles[op.role] = op
        self.ops[op.name] = op

    def replace_certificate(self, op: Op, certificate: Certificate) -> None:
        """Replace the certificate of a registered op by a fuller one.

        A check that was put off gives one.
        """
        op._certificate = certificate

    def register_numpy_function(self, function: Callable[..., object], handler: Handler) -> None:
        """Let `handler` answer for a NumPy function called on Tensors.

        The handler has NumPy's own signature.

        The handler must be built from registered ops: it is no op itself and brings no rule.
        """
        if function in self._functions:
            raise RegistrationError(f"numpy.{getattr(function, '__name__', function)} already has a handler")
        self._functions[function] = handler

    def ufunc(self, ufunc: np.ufunc) -> Op | None:
        """The op that a NumPy ufunc stands for."""
        return self._ufuncs.get(ufunc)

    def function(self, function: Callable[..., object]) -> Handler | None:
        """The op or handler that a NumPy function stands for."""
        return self._functions.get(function)

    def numpy_names(self) -> Mapping[str, object]:
        """Names of all NumPy functions that work on Tensors."""
        return {getattr(f, "__name__", str(f)): f for f in (*self._ufuncs, *self._functions)}


REGISTRY = Registry()
