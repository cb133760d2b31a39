"""Ways to break a training.

Each changes a setting, and says which findings are right answers.

`proof` tells how a run is known to be broken: by construction (validation rows in the training set are a fault whatever
the score), or by outcome (a learning rate is too high only if the result is bad; such a run is dropped if it is not).
"""

from __future__ import annotations

from collections.abc import Mapping

from minigrad_diagnosis_bench import changes as do
from minigrad_diagnosis_bench.fault import Fault
from minigrad_diagnosis_bench.more_faults import MORE, UNSEEN_BY_FAMILY

__all__ = ["FAMILIES", "FAULTS", "UNSEEN", "UNSEEN_BY_FAMILY", "Fault"]

_ROWS = "mlp conv rnn svm regression"
_CLASSES = "mlp conv rnn svm"
_NETS = "mlp conv regression"
_RUNAWAY = "LR_HIGH DIVERGE NONFINITE"

_DATA = (
    Fault("targets_not_moved", do.unshifted, "TARGET_LEAK", "lm"),
    Fault("nan_inputs", do.nan_x, "BAD_DATA", also=do.real),
    Fault("raw_inputs", do.inputs(lambda x: x * 100.0), "INPUT_SCALE", _ROWS),
    Fault("faint_inputs", do.inputs(lambda x: x * 1e-4), "INPUT_SCALE", _ROWS),
    Fault("constant_inputs", do.inputs(lambda x: x * 0.0), "INPUT_SCALE", "mlp conv rnn regression"),
    Fault("one_huge_column", do.inputs(do.column), "INPUT_SCALE", "mlp svm regression"),
    Fault("target_among_inputs", do.telltale, "TARGET_LEAK", "mlp svm regression"),
    Fault("sorted_rows", do.by_target, "UNSHUFFLED", _ROWS),
)

_SPLITS = (
    Fault("leaked_validation", do.leak, "LEAK"),
    Fault("val_not_scaled", do.val_scale, "VAL_SHIFT", _ROWS),
    Fault("val_not_centred", do.val_mean, "VAL_SHIFT", _ROWS),
    Fault("tiny_data", do.tiny, "OVERFIT", "mlp conv rnn lm", "outcome"),
)

_LABELS = (
    Fault("infinite_target", do.inf_y, "BAD_DATA", "regression", also=do.quantities),  # the loss refuses such answers
    Fault("unscaled_targets", do.unscaled_targets, "TARGET_SCALE", "regression", also=do.quantities),
    Fault("shuffled_labels", do.shuffled, "LABELS_RANDOM", _ROWS),
    Fault("labels_moved_by_a_row", do.moved, "LABELS_RANDOM", _ROWS),
    Fault("labels_off_by_one", do.off_by_one, "LABEL_MISMATCH", _CLASSES),
    Fault("val_labels_shuffled", do.val_shuffled, "LABEL_MISMATCH", _CLASSES),
    Fault("rare_classes", do.rare, "IMBALANCE", _CLASSES, "outcome"),
)

_LOSS = (
    Fault("classes_as_numbers", do.as_numbers, "WRONG_LOSS", "mlp conv rnn", also=lambda s: s.outputs > 2),
    Fault("softmax_of_one_score", do.one_output, "ONE_OUTPUT", "mlp conv rnn"),
    Fault("minus_the_loss", do.setting(sign=-1.0), "ASCENT LOSS_UNBOUNDED"),
    Fault("summed_loss", do.setting(summed=True), "SUM_LOSS"),
    Fault("softmax_inside_the_loss", do.setting(own_loss="of shares"), "DOUBLE_SOFTMAX", "mlp conv rnn"),
    Fault("softmax_over_rows", do.setting(own_loss="over rows"), "ROWS_MIXED", "mlp conv rnn"),
    Fault("broadcast_difference", do.setting(own_loss="broadcast"), "ROWS_MIXED", "regression", also=do.one_column),
)

_WIRING = (
    Fault("sigmoid_on_quantities", do.arch(end="sigmoid"), "OUTPUT_RANGE", "regression", also=do.quantities),
    Fault("tanh_on_scores", do.arch(end="tanh"), "OUTPUT_RANGE", "mlp conv"),
    Fault("double_softmax", do.arch(end="softmax"), "DOUBLE_SOFTMAX", "mlp conv rnn lm"),
    Fault("double_sigmoid", do.binary, "DOUBLE_SOFTMAX", "mlp conv rnn"),
    Fault("relu_at_the_end", do.arch(end="relu"), "CLIPPED_OUTPUT", "mlp conv rnn lm regression"),
    Fault("no_activation", do.arch(hidden=(32, 32), activation=""), "LINEAR_STACK", "mlp regression"),
    Fault("hidden_from_the_graph", do.arch(end="half"), "GRAD_BUG"),
)

_START = (
    Fault("zero_init", do.arch(constant=0.0), "SYMMETRY", _NETS),
    Fault("constant_init", do.arch(constant=0.05), "SYMMETRY", "mlp conv regression rnn"),
    Fault("huge_init", do.arch(scale=30.0), "INIT_LOSS EXPLODE SATURATED", _NETS, "outcome"),
    Fault("faint_deep_init", do.deep(0.03), "VANISH", "mlp regression", "outcome"),
    Fault("deep_sigmoids", do.sigmoids, "VANISH", "mlp regression", "outcome"),
    Fault("exploding_depth", do.deep(3.5), "EXPLODE INIT_LOSS", "mlp regression", "outcome"),
    Fault("saturated_tanh", do.arch(activation="tanh", scale=25.0), "SATURATED", _NETS, "outcome"),
    Fault("dead_relu", do.arch(activation="relu", bias=-12.0), "DEAD_RELU", _NETS, "outcome"),
    Fault("first_score_of_thirty", do.arch(out_bias=30.0), "INIT_LOSS", "mlp conv svm regression lm"),
    Fault("exploding_recurrence", do.arch(scale=6.0), f"EXPLODE SATURATED {_RUNAWAY}", "rnn lm", "outcome"),
)

_RATE = (
    Fault("lr_x1000", do.hyper(lr=1000.0), _RUNAWAY, proof="outcome"),
    Fault("lr_x100", do.hyper(lr=100.0), _RUNAWAY, proof="outcome"),
    Fault("lr_x30", do.hyper(lr=30.0), _RUNAWAY, proof="outcome"),
    Fault("lr_div_300", do.hyper(lr=1 / 300.0), "LR_LOW", proof="outcome"),
    Fault("lr_div_3000", do.hyper(lr=1 / 3000.0), "LR_LOW", proof="outcome"),
    Fault("clipped_to_nothing", do.setting(clip=1e-4), "LR_LOW", proof="outcome", also=do.sgd_like),
    Fault("decays_at_once", do.fast_decay, "LR_DECAY_FAST LR_LOW", proof="outcome"),
    Fault("momentum_0.999", do.momentum, _RUNAWAY, proof="outcome", also=do.sgd_like),
    Fault("one_row_a_batch", do.one_row, f"BATCH_NOISE {_RUNAWAY}", "mlp svm conv", "outcome"),
)

_FIT = (
    Fault("l2_of_one", do.setting(l2=1.0), "REG_DOMINATES", proof="outcome"),
    Fault("weight_decay_of_one", do.hyper(weight_decay=1.0), "REG_DOMINATES", "mlp conv regression svm", "outcome"),
    Fault("dropout_0.97", do.arch(dropout=0.97), "DROPOUT_HIGH", "mlp conv rnn regression", "outcome",
          lambda s: bool(s.arch.hidden)),
    Fault("one_hidden_unit", do.arch(hidden=(1,)), "UNDERFIT DEAD_RELU", "mlp rnn", "outcome"),
)  # fmt: skip

_LOOPS = (
    Fault("maximise", do.setting(maximise=True), "ASCENT"),
    Fault("no_zero_grad", do.setting(zero_grad=False), "STALE_GRAD"),
    Fault("frozen_layer", do.frozen_first, "FROZEN_PARAM", "mlp conv rnn regression lm"),
    Fault("trained_in_eval_mode", do.eval_norm, "EVAL_WHILE_TRAINING", _NETS),
    Fault("evaluated_in_train_mode", do.noisy_val, "TRAIN_WHILE_EVAL", "mlp conv rnn regression"),
    Fault("optimizer_of_a_copy", do.setting(loop="other copy"), "OTHER_PARAMETERS"),
    Fault("the_same_batch", do.setting(loop="same batch"), "SAME_BATCH"),
    Fault("weights_drawn_each_epoch", do.setting(loop="redrawn"), "WEIGHTS_RESET"),
    Fault("step_forgotten", do.setting(loop="no step"), "NO_UPDATE"),
    Fault("cleared_before_step", do.setting(loop="cleared"), "NO_UPDATE"),
    Fault("float16_weights", do.half, "LOST_UPDATES LR_LOW", "mlp", "outcome"),
)

FAMILIES: Mapping[str, tuple[Fault, ...]] = {
    "data": _DATA,
    "splits": _SPLITS + MORE["splits"],
    "labels": _LABELS + MORE["labels"],
    "loss": _LOSS + MORE["loss"],
    "wiring": _WIRING + MORE["wiring"],
    "start": _START,
    "rate and fit": _RATE + _FIT,
    "loop": _LOOPS + MORE["loop"],
}
"""Eight families of mistakes."""

FAULTS: Mapping[str, Fault] = {f.name: f for kinds in FAMILIES.values() for f in kinds}
UNSEEN: Mapping[str, Fault] = {f.name: f for kinds in UNSEEN_BY_FAMILY.values() for f in kinds}
