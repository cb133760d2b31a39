"""Passes: each takes a graph and returns one that computes the same with less work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from minigrad.program.graph import Graph
from minigrad.program.passes.cleanup.constant_fold import constant_folding
from minigrad.program.passes.cleanup.cse import common_subexpressions
from minigrad.program.passes.cleanup.dce import dead_code
from minigrad.program.passes.cleanup.simplify import identities
from minigrad.program.passes.decompose.decompose import lowering
from minigrad.program.passes.decompose.inline_ufuncs import recording
from minigrad.program.passes.fusion.fuse_elementwise import fusion
from minigrad.program.passes.fusion.precompute_local_grads import slopes_first
from minigrad.program.passes.images.conv_layout import image_layout
from minigrad.program.passes.images.max_pool_grad import pooling_gradients
from minigrad.program.passes.images.pool_before_relu import pooling_first
from minigrad.program.passes.images.relu_mask import rectified_masks
from minigrad.program.passes.matmul.gather_after_matmul import gathered_products
from minigrad.program.passes.matmul.merge_matmuls import flat_products, summed_products
from minigrad.program.passes.matmul.pack_transposed import packing
from minigrad.program.passes.matmul.scatter_to_concat import assembly
from minigrad.program.passes.matmul.sums_as_matmul import bias_gradients
from minigrad.program.passes.matmul.time_major_concat import rows_by_time

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
