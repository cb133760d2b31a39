"""Passes: each takes a graph and returns one that computes the same with less work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from minigrad.program.graph import Graph
from minigrad.program.passes.assemble import assembly
from minigrad.program.passes.bias import bias_gradients
from minigrad.program.passes.common import common_subexpressions
from minigrad.program.passes.dead import dead_code
from minigrad.program.passes.fold import constant_folding
from minigrad.program.passes.fuse import fusion
from minigrad.program.passes.gather import gathered_products
from minigrad.program.passes.layout import image_layout
from minigrad.program.passes.lower import lowering
from minigrad.program.passes.masks import rectified_masks
from minigrad.program.passes.pack import packing
from minigrad.program.passes.pool_first import pooling_first
from minigrad.program.passes.products import flat_products, summed_products
from minigrad.program.passes.record import recording
from minigrad.program.passes.rows import rows_by_time
from minigrad.program.passes.simplify import identities
from minigrad.program.passes.slopes import slopes_first
from minigrad.program.passes.winners import pooling_gradients

__all__ = ["PASSES", "Pass"]

Pass: TypeAlias = Callable[[Graph], Graph]

PASSES: Mapping[str, Pass] = MappingProxyType(
    {
        "identities first": identities,
        "dead first": dead_code,
        "winners": pooling_gradients,
        "pool": pooling_first,
        "layout": image_layout,
        "lower": lowering,
        "record": recording,
        "fold": constant_folding,
        "identities": identities,
        "bias": bias_gradients,
        "common": common_subexpressions,
        "masks": rectified_masks,
        "assemble": assembly,
        "flat": flat_products,
        "gather": gathered_products,
        "dead": dead_code,
        "rows": rows_by_time,
        "sums": summed_products,
        "common again": common_subexpressions,
        "pack": packing,
        "dead again": dead_code,
        "slopes": slopes_first,
        "fuse": fusion,
    }
)
"""In the order in which they run."""
