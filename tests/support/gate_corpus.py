"""The whole corpus: every wrong rule and every tricky correct op, by name."""

from __future__ import annotations

from support import (
    gate_tricky_arrays,
    gate_tricky_linalg,
    gate_tricky_scalar,
    gate_tricky_shapes,
    gate_wrong_contract,
    gate_wrong_conv,
    gate_wrong_dtype_shape,
    gate_wrong_elementwise,
    gate_wrong_index,
    gate_wrong_kinks,
    gate_wrong_linalg,
    gate_wrong_metadata,
    gate_wrong_nn,
    gate_wrong_reduce,
    gate_wrong_region,
    gate_wrong_scan,
    gate_wrong_second_order,
    gate_wrong_state,
)
from support.gate_case import Tricky, Wrong, trickies, wrongs

WRONG: tuple[Wrong, ...] = wrongs(
    gate_wrong_elementwise,
    gate_wrong_region,
    gate_wrong_reduce,
    gate_wrong_scan,
    gate_wrong_index,
    gate_wrong_linalg,
    gate_wrong_conv,
    gate_wrong_nn,
    gate_wrong_contract,
    gate_wrong_dtype_shape,
    gate_wrong_state,
    gate_wrong_second_order,
    gate_wrong_kinks,
    gate_wrong_metadata,
)
TRICKY: tuple[Tricky, ...] = trickies(gate_tricky_scalar, gate_tricky_arrays, gate_tricky_linalg, gate_tricky_shapes)
