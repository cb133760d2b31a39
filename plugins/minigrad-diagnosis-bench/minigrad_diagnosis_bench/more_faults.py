"""More mistakes: those of the loss and the loop, and kinds that no rule may be tuned for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad_diagnosis_bench import changes as do
from minigrad_diagnosis_bench import more_changes as more
from minigrad_diagnosis_bench.fault import Fault

__all__ = ["MORE", "UNSEEN_BY_FAMILY"]

_ROWS = "mlp conv rnn svm regression"
_NETS = "mlp conv regression"

_SPLITS = (
    Fault("half_of_the_columns_blank", more.blank_half, "VAL_SHIFT LABEL_MISMATCH", "mlp svm regression", "outcome",
          also=lambda s: s.x.shape[1] > 5),
    Fault("val_columns_permuted", do.permuted_columns, "VAL_SHIFT LABEL_MISMATCH", "mlp svm regression", "outcome",
          also=lambda s: s.x.shape[1] > 4),
    Fault("duplicated_before_the_split", more.duplicated, "LEAK", "mlp svm regression conv"),
    Fault("a_class_missing_in_validation", more.class_missing, "LABEL_MISMATCH", "mlp conv svm",
          also=lambda s: s.outputs > 2 and bool(np.bincount(s.y).max() * len(s.y_val) > 24 * len(s.y))),
)  # fmt: skip
_LABELS = (
    Fault(
        "most_labels_wrong", do.most_labels_wrong, "LABEL_MISMATCH LABELS_RANDOM UNDERFIT", "mlp svm conv", "outcome"
    ),
    Fault("faint_targets", more.faint_targets, "TARGET_SCALE", "regression", "outcome"),
)
_LOSS = (
    Fault("loss_without_targets", do.setting(own_loss="without targets"), "LOSS_BLIND", "regression"),
    Fault("loss_of_one_class", do.setting(own_loss="constant class"), "LOSS_BLIND", "mlp conv rnn"),
    Fault("loss_of_the_first_row", do.setting(own_loss="first row"), "LOSS_BLIND", "mlp conv rnn"),
    Fault("loss_of_the_first_column", do.setting(own_loss="first column"), "LOSS_BLIND", "regression",
          also=more.several_columns),
)  # fmt: skip
_WIRING = (
    Fault("inputs_times_zero", do.arch(begin="nothing"), "INPUT_IGNORED INPUT_SCALE", _NETS.replace("conv ", "")),
    Fault("an_eighth_of_the_columns", do.arch(begin="first columns"), "INPUT_IGNORED", "mlp regression", "outcome",
          also=lambda s: s.x.ndim == 2 and s.x.shape[1] >= 8),
    Fault("mean_of_the_batch_taken_off", do.arch(end="centred"), "ROWS_MIXED", "mlp conv rnn"),
    Fault("rows_scrambled", do.arch(end="scrambled"), "ROWS_MIXED", "mlp conv rnn"),
    Fault("dropout_on_outputs", do.arch(end="dropout"), "DROPOUT_HIGH", "mlp conv rnn regression"),
    Fault("outputs_cut_at_0.3", do.arch(end="cut"), "OUTPUT_RANGE", "regression", also=do.quantities),
)  # fmt: skip
_LOOPS = (
    Fault("targets_one_batch_late", do.setting(loop="late targets"), "MISPAIRED", _ROWS),
    Fault("only_inputs_shuffled", do.setting(loop="shuffled inputs"), "MISPAIRED", _ROWS),
    Fault("a_tenth_of_the_rows", do.setting(loop="tenth of the rows"), "ROWS_UNUSED", _ROWS),
    Fault("batches_scaled", do.setting(loop="scaled batches"), "BATCH_SHIFT", _ROWS),
    Fault("validation_rows_trained_on", do.setting(loop="validation rows too"), "LEAK", _ROWS),
    Fault("first_batch_of_each_epoch", do.setting(loop="first batch only"), "ROWS_UNUSED LR_LOW UNDERFIT", _ROWS,
          "outcome"),
    Fault("noise_in_gradients", do.setting(loop="noisy gradients"), "GRAD_CHANGED", "mlp conv rnn regression"),
    Fault("a_layer_that_climbs", do.setting(loop="first layer turned"), "GRAD_CHANGED ASCENT", "mlp regression"),
    Fault("penalty_in_the_loop", do.setting(loop="penalty in the loop"), "GRAD_CHANGED REG_DOMINATES", "mlp regression",
          "outcome"),
)  # fmt: skip

MORE: Mapping[str, tuple[Fault, ...]] = {
    "splits": _SPLITS,
    "labels": _LABELS,
    "loss": _LOSS,
    "wiring": _WIRING,
    "loop": _LOOPS,
}

UNSEEN_BY_FAMILY: Mapping[str, tuple[Fault, ...]] = {
    "data": (
        Fault("rows_standardised", do.rows_standardised, "", "mlp regression svm", "outcome"),
        Fault("inputs_truncated", more.rounded_inputs, "", "mlp svm regression", "outcome"),
        Fault("a_third_missing_as_minus_5", more.missing_values, "", "mlp svm regression", "outcome"),
    ),
    "splits": (
        Fault("val_noisier", more.val_noise, "", "mlp svm regression", "outcome"),
        Fault("split_by_a_column", more.split_by_column, "", "mlp svm regression", "outcome"),
    ),
    "labels": (
        Fault("two_classes_swapped", more.swapped_classes, "", "mlp conv svm", "outcome"),
        Fault("signs_lost", more.squared_targets, "", "regression", "outcome", also=do.quantities),
        Fault("labels_by_default", more.default_class, "", "mlp conv svm", "outcome"),
    ),
    "loss": (
        Fault(
            "difference_with_a_plus", do.setting(own_loss="opposite"), "", "regression", "outcome", also=do.quantities
        ),
        Fault("scores_without_sign", do.setting(own_loss="of sizes"), "", "mlp conv rnn", "outcome"),
        Fault("worst_row_counts", do.setting(own_loss="worst row"), "", "mlp conv rnn", "outcome"),
        Fault(
            "logarithm_of_the_loss", do.setting(own_loss="log of loss"), "", "regression", "outcome", also=do.quantities
        ),
        Fault("targets_sorted_in_the_loss", do.setting(own_loss="of ranks"), "", "mlp conv rnn", "outcome"),
    ),
    "wiring": (
        Fault("outputs_cut_from_the_graph", do.arch(end="blind"), "", also=lambda s: s.family != "lm"),
        Fault("sine_of_30_x", do.arch(activation="sine"), "", "mlp regression", "outcome"),
        Fault("sign_as_activation", do.arch(activation="sign"), "", "mlp regression", "outcome"),
        Fault("units_averaged", do.arch(activation="mean"), "", "mlp regression", "outcome"),
        Fault("outputs_rounded", do.arch(end="whole"), "", "mlp regression", "outcome"),
    ),
    "start": (
        Fault("huge_output_layer", do.arch(gain=300.0), "", "mlp regression", "outcome"),
        Fault("huge_random_biases", do.arch(spread=60.0), "", "mlp regression", "outcome"),
    ),
    "rate and fit": (
        Fault("rate_that_rises", more.rising_rate, "", proof="outcome"),
        Fault("rate_that_leaps", more.wild_rate, "", proof="outcome"),
    ),
    "loop": (
        Fault("weights_clamped", do.setting(loop="clamped"), "", _NETS, "outcome"),
        Fault("weights_rounded", do.setting(loop="rounded"), "", _NETS, "outcome"),
        Fault("noise_in_weights", do.setting(loop="shaken weights"), "", _NETS, "outcome"),
        Fault("inputs_of_the_batch_averaged", do.setting(loop="mean inputs"), "", _ROWS, "outcome"),
        Fault("targets_of_the_batch_reversed", do.setting(loop="reversed targets"), "", _ROWS, "outcome"),
        Fault("signs_of_gradients_drawn", do.setting(loop="random signs"), "", _NETS, "outcome"),
    ),
}
"""Family -> kinds of mistakes that no rule was written or tuned for.

A FAULT of any kind says that something is wrong.
"""
