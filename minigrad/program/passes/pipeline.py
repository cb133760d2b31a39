"""The passes in the order in which they run, and why each stands where it does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from minigrad.program.graph import Graph
from minigrad.program.passes.cleanup.constant_fold import fold_constants
from minigrad.program.passes.cleanup.cse import eliminate_common_subexpressions
from minigrad.program.passes.cleanup.dce import eliminate_dead_code
from minigrad.program.passes.cleanup.simplify import simplify
from minigrad.program.passes.decompose.decompose import decompose
from minigrad.program.passes.decompose.inline_ufuncs import inline_ufuncs
from minigrad.program.passes.fusion.compute_early import compute_early
from minigrad.program.passes.fusion.fuse_elementwise import fuse_elementwise
from minigrad.program.passes.fusion.precompute_local_grads import precompute_local_grads
from minigrad.program.passes.images.conv_layout import layout_convolutions
from minigrad.program.passes.images.max_pool_grad import fuse_max_pool_grad
from minigrad.program.passes.images.pool_before_relu import pool_before_relu
from minigrad.program.passes.images.relu_mask import relu_mask_from_result
from minigrad.program.passes.matmul.gather_after_matmul import gather_after_matmul
from minigrad.program.passes.matmul.merge_matmuls import flatten_stacked_matmuls, merge_summed_matmuls
from minigrad.program.passes.matmul.pack_transposed import pack_transposed
from minigrad.program.passes.matmul.scatter_to_concat import scatter_to_concat
from minigrad.program.passes.matmul.split_sums import split_sums
from minigrad.program.passes.matmul.sums_as_matmul import sums_as_matmul
from minigrad.program.passes.matmul.time_major_concat import concat_time_major

__all__ = ["CLEANUP", "FORMER_NAMES", "PASS_NAMES", "PIPELINE", "Pass", "run_pipeline"]


class Pass(NamedTuple):
    """A rewrite of a graph that computes the same with less work.

    Attributes:
        name: stable and public: `mg.define(disable=("fuse",))` leaves it out, and the answers stay.
        run: takes a graph and returns one.
        why_here: what it needs from its place in the order.
        after: passes that must have run before it; with all others it may change places.
        ends_group: the passes below count readers or look for equal calls, so that the driver cleans up first.
    """

    name: str
    run: Callable[[Graph], Graph]
    why_here: str
    after: tuple[str, ...] = ()
    ends_group: bool = False


CLEANUP: tuple[Pass, ...] = (
    Pass("simplify", simplify, "first, since a call that hands on its argument hides what reads it"),
    Pass("fold_constants", fold_constants, "after simplify, which leaves fewer calls to evaluate"),
    Pass("cse", eliminate_common_subexpressions, "after fold_constants, so that folded values count as equal"),
    Pass("dce", eliminate_dead_code, "last, since all others leave calls that nothing reads"),
)
"""Run on the graph as it was traced, and after each group of passes that has changed it."""

PIPELINE: tuple[Pass, ...] = (
    Pass(
        "max_pool_grad",
        fuse_max_pool_grad,
        "needs overlap_add and window_winners whole: before anything takes windows apart",
    ),
    Pass(
        "pool_before_relu",
        pool_before_relu,
        "recognizes the gradient that max_pool_grad has written as one call",
        ("max_pool_grad",),
    ),
    Pass(
        "conv_layout",
        layout_convolutions,
        "writes convolutions in its own layout, so before decompose does it in the usual one; what follows a "
        "convolution should be final",
        ("max_pool_grad", "pool_before_relu"),
    ),
    Pass(
        "decompose",
        decompose,
        "every pass below looks for primitive calls; those above need ops whole",
        ("max_pool_grad", "pool_before_relu", "conv_layout"),
    ),
    Pass(
        "inline_ufuncs",
        inline_ufuncs,
        "elementwise ops that decompose has no rule for, before anything counts or moves elementwise calls",
        ("conv_layout", "decompose"),
        ends_group=True,
    ),
    Pass(
        "sums_as_matmul",
        sums_as_matmul,
        "means are sums and divisions only after decompose; time_major_concat reads the sums that it leaves",
        ("decompose",),
    ),
    Pass(
        "relu_mask",
        relu_mask_from_result,
        "after pool_before_relu, which recognizes masks by what relu read",
        ("pool_before_relu", "inline_ufuncs"),
    ),
    Pass(
        "scatter_to_concat",
        scatter_to_concat,
        "a stack is a concatenation only after decompose, and joins of joins become one here",
        ("decompose",),
    ),
    Pass(
        "flatten_matmuls",
        flatten_stacked_matmuls,
        "products of stacks as products of two matrices, the form that the passes on matrices below look for",
        ("decompose",),
    ),
    Pass(
        "gather_after_matmul",
        gather_after_matmul,
        "looks for products of two matrices",
        ("flatten_matmuls", "scatter_to_concat"),
        ends_group=True,
    ),
    Pass(
        "time_major_concat",
        concat_time_major,
        "the concatenations are those of scatter_to_concat, and gather_after_matmul decides which sums by place remain",
        ("scatter_to_concat", "gather_after_matmul", "sums_as_matmul"),
    ),
    Pass(
        "merge_matmuls",
        merge_summed_matmuls,
        "after gather_after_matmul, which takes products out of the sums that are merged here",
        ("flatten_matmuls", "gather_after_matmul", "time_major_concat"),
        ends_group=True,
    ),
    Pass(
        "pack_transposed",
        pack_transposed,
        "counts the products that read a transposed matrix: after all passes that remove or merge products",
        ("merge_matmuls",),
        ends_group=True,
    ),
    Pass(
        "precompute_local_grads",
        precompute_local_grads,
        "looks at the elementwise calls as they will be fused",
        ("inline_ufuncs", "relu_mask", "merge_matmuls"),
    ),
    Pass(
        "split_sums",
        split_sums,
        "when products are final: sums with them are what it takes apart",
        ("gather_after_matmul", "merge_matmuls"),
    ),
    Pass(
        "compute_early",
        compute_early,
        "moves elementwise calls to those with which they will be fused; after all passes that make or remove some",
        ("inline_ufuncs", "relu_mask", "precompute_local_grads", "split_sums"),
    ),
    Pass(
        "fuse",
        fuse_elementwise,
        "last: no other pass looks into groups",
        (
            "pack_transposed",
            "compute_early",
            "split_sums",
            "precompute_local_grads",
            "sums_as_matmul",
            "relu_mask",
            "time_major_concat",
        ),
    ),
)

PASS_NAMES: tuple[str, ...] = tuple(p.name for p in (*CLEANUP, *PIPELINE))

FORMER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "identities first": "simplify",
        "dead first": "dce",
        "winners": "max_pool_grad",
        "pool": "pool_before_relu",
        "layout": "conv_layout",
        "lower": "decompose",
        "record": "inline_ufuncs",
        "fold": "fold_constants",
        "identities": "simplify",
        "bias": "sums_as_matmul",
        "common": "cse",
        "masks": "relu_mask",
        "assemble": "scatter_to_concat",
        "flat": "flatten_matmuls",
        "gather": "gather_after_matmul",
        "dead": "dce",
        "rows": "time_major_concat",
        "sums": "merge_matmuls",
        "common again": "cse",
        "pack": "pack_transposed",
        "dead again": "dce",
        "slopes": "precompute_local_grads",
    }
)
"""What passes were called in minigrad 0.1."""


def run_pipeline(graph: Graph, disable: Collection[str] = (), pipeline: tuple[Pass, ...] = PIPELINE) -> Graph:
    """Rewrite a graph by all passes but those in `disable`.

    With a cleanup after each group that has changed it.
    """
    graph = clean = _clean(graph, disable)
    for one in pipeline:
        if one.name not in disable:
            graph = one.run(graph)
        if one.ends_group and graph.steps != clean.steps:
            graph = clean = _clean(graph, disable)
    return graph


def _clean(graph: Graph, disable: Collection[str]) -> Graph:
    for one in CLEANUP:
        if one.name not in disable:
            graph = one.run(graph)
    return graph
