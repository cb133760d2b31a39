"""The whole corpus: every wrong rule and every tricky correct op, by family."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from support import (
    gate_blind_spots,
    gate_generated,
    gate_tricky_arrays,
    gate_tricky_combined,
    gate_tricky_delicate,
    gate_tricky_far,
    gate_tricky_fresh,
    gate_tricky_fresh_rows,
    gate_tricky_iterated,
    gate_tricky_linalg,
    gate_tricky_orders,
    gate_tricky_sampled,
    gate_tricky_scalar,
    gate_tricky_series,
    gate_tricky_shapes,
    gate_tricky_wild,
    gate_wrong_claims,
    gate_wrong_combined,
    gate_wrong_contract,
    gate_wrong_conv,
    gate_wrong_dtype_shape,
    gate_wrong_elementwise,
    gate_wrong_far,
    gate_wrong_habits,
    gate_wrong_index,
    gate_wrong_kept,
    gate_wrong_kinks,
    gate_wrong_lengths,
    gate_wrong_linalg,
    gate_wrong_linearity,
    gate_wrong_matrices,
    gate_wrong_meeting,
    gate_wrong_metadata,
    gate_wrong_nn,
    gate_wrong_options,
    gate_wrong_recipes,
    gate_wrong_reduce,
    gate_wrong_region,
    gate_wrong_scan,
    gate_wrong_second_order,
    gate_wrong_second_part,
    gate_wrong_shortcuts,
    gate_wrong_state,
    gate_wrong_unlisted,
)
from support.gate_case import Tricky, Wrong, trickies, wrongs
from support.gate_public import (
    activations,
    attention,
    axes,
    binary,
    curves,
    densities,
    indexing,
    layers,
    memory,
    norms,
    reductions,
    structures,
    systems,
    windows,
)

FAMILIES: Mapping[str, tuple[Wrong, ...]] = MappingProxyType(
    {
        "formulas, elementwise": wrongs(gate_wrong_elementwise),
        "in a region only": wrongs(gate_wrong_region),
        "reductions, scans": wrongs(gate_wrong_reduce, gate_wrong_scan),
        "indexing, moving": wrongs(gate_wrong_index),
        "linear algebra": wrongs(gate_wrong_linalg, gate_wrong_matrices),
        "convolution, pooling": wrongs(gate_wrong_conv),
        "layers, losses": wrongs(gate_wrong_nn),
        "metadata, outputs, integers": wrongs(gate_wrong_metadata),
        "what the author forgot": wrongs(gate_wrong_unlisted),
        "two things that meet": wrongs(gate_wrong_combined, gate_wrong_options, gate_wrong_lengths, gate_wrong_meeting),
        "bugs of public frameworks": wrongs(
            activations,
            binary,
            reductions,
            indexing,
            layers,
            memory,
            norms,
            densities,
            windows,
            systems,
            attention,
            curves,
            structures,
            axes,
        ),
        "short cuts for what stands out": wrongs(gate_wrong_shortcuts),
        "one place of the covering array": wrongs(gate_blind_spots),
        "far numbers, large arrays, unlisted lengths": wrongs(gate_wrong_far),
        "habits": wrongs(gate_wrong_habits, gate_wrong_recipes),
        "contract of a rule": wrongs(gate_wrong_contract, gate_wrong_linearity),
        "dtype, shape, layout": wrongs(gate_wrong_dtype_shape),
        "state, chance, buffers": wrongs(gate_wrong_state, gate_wrong_kept),
        "second order only": wrongs(gate_wrong_second_order, gate_wrong_second_part),
        "kinks, ties, claims, vacuity": wrongs(gate_wrong_kinks, gate_wrong_claims),
    }
)
WRONG: tuple[Wrong, ...] = tuple(case for family in FAMILIES.values() for case in family)
TRICKY: tuple[Tricky, ...] = trickies(
    gate_tricky_scalar,
    gate_tricky_wild,
    gate_tricky_far,
    gate_tricky_fresh,
    gate_tricky_fresh_rows,
    gate_tricky_arrays,
    gate_tricky_linalg,
    gate_tricky_shapes,
    gate_tricky_combined,
    gate_tricky_iterated,
    gate_tricky_orders,
    gate_tricky_series,
    gate_tricky_delicate,
    gate_tricky_sampled,
    gate_generated,
)
EVERYDAY_WRONG: tuple[Wrong, ...] = tuple(
    case
    for name, cases in FAMILIES.items()
    for case in cases[:: 12 if name == "one place of the covering array" else 1]
)
"""What the everyday suite looks at; the generated families in samples."""

EVERYDAY_TRICKY: tuple[Tricky, ...] = tuple(
    case for k, case in enumerate(TRICKY) if k % 20 == 0 or not case.name.startswith("generated_")
)
