"""The gate: an op exists only once its rules have been checked."""

from minigrad import lazy
from minigrad.verify.certificate import Certificate, Power
from minigrad.verify.domains import (
    SampleDomain,
    boolean,
    distinct,
    integer_index,
    nonzero,
    positive,
    real,
    spd,
    square_wellconditioned,
    unit,
)
from minigrad.verify.gate import verify
from minigrad.verify.refusal import GateFinding, WorstEntry, relative_error
from minigrad.verify.register import register, register_builtin, register_passing

__all__ = [
    "Certificate",
    "GateFinding",
    "Power",
    "SampleDomain",
    "WorstEntry",
    "boolean",
    "distinct",
    "integer_index",
    "nonzero",
    "positive",
    "real",
    "register",
    "register_builtin",
    "register_passing",
    "relative_error",
    "spd",
    "square_wellconditioned",
    "unit",
    "verify",
]

__getattr__ = lazy.renamed(
    __name__, {"Finding": "GateFinding", "Worst": "WorstEntry", "register_sound": "register_passing"}
)
