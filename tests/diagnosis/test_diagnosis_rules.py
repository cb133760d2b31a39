"""Every built-in rule speaks on evidence of its own fault, and none on that of a sound run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from minigrad.diagnosis import Catalog, Evidence, diagnose, rules
from minigrad.diagnosis.catalog import thresholds_of
from minigrad.diagnosis.evidence import Activation, Batches, Leakage, ParameterStats, Point, Sample
from support.diagnosis_evidence import (
    NAMES,
    both,
    data,
    drift,
    ends,
    first,
    gains,
    inside,
    last,
    ratios,
    sample,
    scale,
    simple,
    sound,
    start,
    tried,
    usage,
)

Change = Callable[[Evidence], Evidence]


def parameters(**changes: Any) -> tuple[ParameterStats, ...]:
    """Those of the sound run, the first one changed."""
    plain = inside(1.0).parameters
    return (attrs.evolve(plain[0], **changes), *plain[1:])


def samples(change: Callable[[Sample], Sample]) -> Change:
    return lambda e: attrs.evolve(e, samples=tuple(change(s) for s in e.samples))


def losses(make: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda e: attrs.evolve(e, losses=tuple(make(np.arange(200.0)).tolist()))


def confusion(make: Callable[[int, int], int]) -> Change:
    table = tuple(tuple(make(i, j) for j in range(10)) for i in range(10))
    return lambda e: attrs.evolve(e, confusion=table)


def cooled(e: Evidence) -> Evidence:
    return attrs.evolve(e, samples=tuple(sample(s.step, 1e-3, 0.01 if s.step < 40 else 1e-6) for s in e.samples))


def overfitted(e: Evidence) -> Evidence:
    points = (Point(0, 2.3, 2.3, 0.1, 0.1), Point(1, 0.5, 0.8, 0.8, 0.72), Point(2, 0.01, 1.6, 1.0, 0.7))
    return attrs.evolve(e, points=points, data=attrs.evolve(e.data, rows=300))


def frozen(s: Sample) -> Sample:
    return attrs.evolve(s, updates={**s.updates, NAMES[0]: 0.0})


def batches(**changes: Any) -> Change:
    plain = Batches(fed=10_000, known=1.0, from_val=0.0, used=1.0, mispaired=0.0, size=1.0)
    return lambda e: attrs.evolve(e, batches=attrs.evolve(plain, **changes))


def probed(**changes: Any) -> Change:
    return lambda e: attrs.evolve(e, probes=attrs.evolve(e.probes, **changes))


def noisy(level: float) -> Change:
    """Losses of single rows about a level, of a network that does as simple rules do."""
    return both(losses(lambda t: level + 2.2 * np.cos(1.0 + 7.0 * t * t)), gains(0.9, 0.89))


def heavy(**changes: float) -> Change:
    """Other hyperparameters."""
    return lambda e: attrs.evolve(e, hyper={**e.hyper, **changes})


def shrunk(e: Evidence) -> Evidence:
    """Weights a tenth as large as they were."""
    return last(parameters=tuple(attrs.evolve(p, rms=0.1 * p.rms) for p in inside(1.0).parameters))(e)


def jumping(e: Evidence) -> Evidence:
    """Losses of some stretches that lie above those before, most of the loss left."""
    return both(ratios(0.02), both(ends(1.8), losses(lambda t: 1.8 + 0.15 * (t // 17 % 2))))(e)


never_named = both(data(majority=0.97, common=0), confusion(lambda i, j: (2 if i else 582) if j == 0 else 0))


OTHERS: dict[str, tuple[str, Change]] = {
    "validation rows in batches": ("LEAK", batches(from_val=0.2)),
    "a model that mixes rows": ("ROWS_MIXED", probed(mixed=0.5)),
    "a model that looks ahead": ("TARGET_LEAK", probed(ahead=0.4)),
    "dropout on the outputs": ("DROPOUT_HIGH", probed(dropped=0.5)),
    "a loss of the first row": ("LOSS_BLIND", probed(blind_rows=0.9)),
    "a loss of some columns": ("LOSS_BLIND", probed(blind_columns=0.25)),
    "a layer that climbs": ("GRAD_CHANGED", samples(lambda s: attrs.evolve(s, own=0.6, turned=(NAMES[0],)))),
    "a split by class": ("LABEL_MISMATCH", data(missing=0.3)),
    "labels wrong in training": ("LABEL_MISMATCH", both(simple(train=0.4, val=0.7), gains(0.4, 0.8))),
    "columns in another order": ("VAL_SHIFT", both(data(told_apart=0.9), gains(0.9, 0.5))),
    "rare classes that are less rare among validation rows": (
        "IMBALANCE",
        both(data(majority=0.998, common=0), confusion(lambda i, j: (6 if i else 940) if j == 0 else int(i == j))),
    ),
    "columns without values in training": ("VAL_SHIFT", data(blank=0.5)),
    "targets that are tiny": ("TARGET_SCALE", both(data(classes=0, levels=200, target_std=1e-5), ends(2.3))),
    "a loss that says nothing": ("UNDERFIT", both(ends(0.05), gains(0.0, 0.0))),
    "losses that jump about": ("LR_HIGH", both(jumping, gains(0.2, 0.1))),
    "weights that grew without end": (
        "LR_HIGH",
        both(ends(0.7), last(parameters=tuple(attrs.evolve(p, rms=1.0) for p in inside(1.0).parameters))),
    ),
    "targets of others, mostly of the same class": ("MISPAIRED", batches(mispaired=0.019, by_chance=0.02)),
    "one common class lifts the score": (
        "DEAD_RELU",
        both(
            last(activations=(Activation("relu after layers.0", "relu", 0.1, 0.99),)),
            both(ends(0.3, 0.98), gains(0.0, 0.0)),
        ),
    ),
    "answers that are tiny": ("TARGET_SCALE", both(data(classes=0, levels=2, target_std=1e-5), ends(2.3))),
    "scores behind a ReLU": ("CLIPPED_OUTPUT", first(end="relu")),
    "quantities below 0 behind a ReLU": ("CLIPPED_OUTPUT", both(data(classes=0, target_low=-2.0), first(end="relu"))),
    "signals too faint beside a common class": (
        "VANISH",
        both(
            start(constant=0.35),
            both(first(activations=(Activation("tanh after layers.0", "tanh", 1e-5),)), ends(0.2)),
        ),
    ),
    "a heavy penalty of a network that did learn": (
        "REG_DOMINATES",
        both(
            both(ends(0.25), lambda e: attrs.evolve(e, extra_first=20.0, extra_last=0.3)),
            both(simple(val=0.99, noise=0.087), gains(0.85, 0.8)),
        ),
    ),
    "first updates that leap": (
        "LR_HIGH",
        both(
            ends(0.7),
            samples(lambda s: attrs.evolve(s, updates=dict.fromkeys(NAMES, 0.055 if s.step <= 3 else 1e-4))),
        ),
    ),
    "outputs on a line": ("UNDERFIT", both(last(breadth=1e-7), ends(1.2))),
    "sure of the common class": ("INIT_LOSS", start(even=(15.0, 2.0))),
    "a run that goes nowhere": ("LR_LOW", both(ratios(3e-4), ends(2.2))),
    "one batch whose targets say nothing": ("SAME_BATCH", batches(alike=1.0)),
    "updates that are of no use": ("BATCH_NOISE", both(lambda e: attrs.evolve(e, batch_size=1), noisy(2.9))),
    "weight decay as strong as the data": ("REG_DOMINATES", both(ends(1.0), heavy(weight_decay=1.0))),
    "weights that decay while the loss falls": (
        "REG_DOMINATES",
        both(
            ends(0.3),
            both(gains(0.6, 0.5), both(heavy(weight_decay=1.0, beta2=0.999), shrunk)),
        ),
    ),
    "a few validation rows where simple rules are sure": (
        "LABEL_MISMATCH",
        both(
            data(classes=2, majority=0.5),
            both(simple(train=1.0, val=-0.25, noise=0.228, train_noise=0.228), gains(1.0, -0.25, 0.2)),
        ),
    ),
}
"""Second ways in which a rule speaks."""

CASES: dict[str, Change] = {
    "BAD_DATA": data(broken="x_train[3, 1] is nan, and 2 values in all are not finite"),
    "INPUT_SCALE": scale(typical=70.0, widest=90.0),
    "VAL_SHIFT": drift(ratio=8.0),
    "LEAK": data(shared=0.3),
    "TARGET_LEAK": data(leakage=Leakage(column=3, left=1e-9, others=0.4)),
    "LABELS_RANDOM": both(simple(val=0.01, train=0.02), both(ends(2.3, 0.1), gains(0.3, 0.0))),
    "LABEL_MISMATCH": confusion(lambda i, j: 20 if j == (i + 1) % 10 else 0),
    "UNSHUFFLED": data(order=45.0),
    "GRAD_BUG": start(wrong_gradients=("layers.0.weight",)),
    "DOUBLE_SOFTMAX": start(probabilities=True, between=True),
    "CLIPPED_OUTPUT": start(clipped=0.5),
    "ONE_OUTPUT": start(formula="ln 1", chance=0.0, outputs=1),
    "WRONG_LOSS": data(classes=0, whole=True, levels=10),
    "SUM_LOSS": start(doubling=2.0),
    "STALE_GRAD": samples(lambda s: attrs.evolve(s, stale=1e-7 if s.step in (2, 3) else None)),
    "ASCENT": samples(lambda s: attrs.evolve(s, descent=-0.9)),
    "FROZEN_PARAM": samples(frozen),
    "LINEAR_STACK": first(stacked=("layers.1.weight after layers.0.weight",)),
    "EVAL_WHILE_TRAINING": usage(frozen_mode=200, normalised=True),
    "TRAIN_WHILE_EVAL": usage(noisy_mode=10, dropout=0.5),
    "SYMMETRY": first(parameters=parameters(alike=True)),
    "TARGET_SCALE": data(classes=0, levels=200, target_mean=150.0, target_std=77.0),
    "INIT_LOSS": first(loss=30.0),
    "VANISH": both(first(activations=(Activation("tanh after layers.0", "tanh", 1e-5),)), ends(2.3)),
    "EXPLODE": first(parameters=parameters(grad=2.0)),
    "SATURATED": first(activations=(Activation("tanh after layers.0", "tanh", 0.99, 0.0, 0.8),)),
    "NONFINITE": losses(lambda t: np.where(t < 50, 2.0, np.nan)),
    "DIVERGE": losses(lambda t: 2.3 * np.exp(t / 40.0)),
    "DEAD_RELU": both(last(activations=(Activation("relu after layers.0", "relu", 0.1, 0.99),)), ends(2.3)),
    "LR_HIGH": both(ratios(0.2), ends(1.5, 0.5)),
    "LR_LOW": both(ratios(1e-5), ends(2.2, 0.3)),
    "LR_DECAY_FAST": both(ends(1.5, 0.5), cooled),
    "BATCH_NOISE": both(
        lambda e: attrs.evolve(e, batch_size=2),
        both(ends(1.5, 0.4), gains(0.5, 0.5)),
        losses(lambda t: 2.0 + 1.9 * np.cos(1.0 + 7.0 * t * t)),
    ),
    "REG_DOMINATES": both(ends(2.0, 0.3), lambda e: attrs.evolve(e, extra_first=5.0, extra_last=3.0)),
    "DROPOUT_HIGH": both(usage(dropout=0.95), last(training_loss=2.2)),
    "OVERFIT": overfitted,
    "IMBALANCE": both(data(majority=0.9, common=0), both(confusion(lambda i, j: 20 if j == 0 else 0), gains(0.8, 0.8))),
    "UNDERFIT": both(ends(1.2, 0.5), gains(0.5, 0.5)),
    "NO_LEARNING": both(ends(2.3, 0.1), both(data(simple=None), gains(0.0, 0.0))),
    "ROWS_MIXED": tried(mixed=0.3, shapes="outputs (128, 1), targets (128,)"),
    "OTHER_PARAMETERS": tried(covered=0.0, foreign=4),
    "NO_UPDATE": tried(step_calls=0),
    "LOSS_UNBOUNDED": both(tried(unbounded=True), losses(lambda t: 2.0 - 0.1 * t)),
    "OUTPUT_RANGE": both(tried(low=0.0, high=1.0, floor=0.5), ends(1.3, 0.5)),
    "SAME_BATCH": tried(repeated=1.0),
    "WEIGHTS_RESET": tried(moved=9),
    "LOST_UPDATES": both(tried(spacing=1e-3), samples(lambda s: attrs.evolve(s, updates=dict.fromkeys(NAMES, 0.0)))),
    "CHECK_FAILED": tried(failed={"independence": "rows depend on each other"}),
    "MISPAIRED": batches(mispaired=0.9),
    "ROWS_UNUSED": batches(used=0.1),
    "BATCH_SHIFT": batches(known=0.0, size=50.0),
    "INPUT_IGNORED": both(probed(ignored=0.9), lambda e: attrs.evolve(e, ignored_last=0.9)),
    "LOSS_BLIND": probed(blind_targets=True),
    "GRAD_CHANGED": samples(lambda s: attrs.evolve(s, own=0.1 if s.step <= 3 else None)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_second_ways_of_a_rule(name: str) -> None:
    code, change = OTHERS[name]
    found = list(rules().find(code)[1].look(change(sound())))
    assert [(f.kind, f.code) for f in found] == [("FAULT", code)]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("VAL_SHIFT", both(data(told_apart=0.9, told_within=0.8), gains(0.9, 0.5))),  # rows that drift anyway
        ("GRAD_CHANGED", samples(lambda s: attrs.evolve(s, own=-1.0, turned=NAMES))),  # the loss is turned as a whole
        ("SAME_BATCH", both(tried(repeated=1.0), batches(alike=0.0))),  # batches with as many rows of each class
        ("LABEL_MISMATCH", both(CASES["LABEL_MISMATCH"], gains(0.1, 0.1))),  # an untrained network
        ("UNDERFIT", both(last(breadth=1e-7), ends(0.4))),  # it learnt, on a line
        ("INIT_LOSS", start(even=(5.0, 2.0))),  # the log of the class shares as biases
        ("BATCH_NOISE", both(lambda e: attrs.evolve(e, batch_size=1), noisy(2.3))),  # targets that are noise
        ("REG_DOMINATES", both(ends(1.0), heavy(weight_decay=1.0, beta2=0.999))),  # Adam's steps know no gradient
        (  # a handful of validation rows of a rare class
            "LABEL_MISMATCH",
            both(simple(train=0.857, train_noise=0.143, val=0.75, noise=0.252), gains(1.0, 0.7, 0.25)),
        ),
        ("IMBALANCE", both(data(majority=0.9, common=0), confusion(lambda i, j: 20 if i == j else 0))),  # all are known
        ("LR_HIGH", both(jumping, both(simple(val=0.1, noise=0.1), gains(0.2, 0.1, 0.05)))),  # targets that are noise
        ("INIT_LOSS", start(even=(8.0, 3.0))),  # of very rare classes
        ("TARGET_SCALE", both(data(classes=0, levels=2, target_mean=9.0, target_std=1.0), ends(2.3))),  # two answers
        ("CLIPPED_OUTPUT", both(data(classes=0, target_low=0.0), first(end="relu"))),  # of amounts
        ("MISPAIRED", batches(mispaired=0.1)),  # some labels are changed on purpose
        ("ROWS_UNUSED", batches(used=0.1, known=0.5)),  # augmented rows are not recognised
    ],
)
def test_what_only_looks_like_a_fault(code: str, change: Change) -> None:
    assert list(rules().find(code)[1].look(change(sound()))) == []


@pytest.mark.parametrize(("reached", "kind"), [(0.55, "NOTE"), (0.3, "FAULT")])
def test_a_rare_class_that_is_known_and_never_named_is_a_note(reached: float, kind: str) -> None:
    seen = both(never_named, both(simple(val=0.6), gains(0.9, reached)))(sound())
    assert [f.kind for f in rules().find("IMBALANCE")[1].look(seen)] == [kind]


def test_classes_that_outputs_on_a_line_have_no_room_for_are_no_cause() -> None:
    seen = both(never_named, both(simple(val=0.6), both(gains(0.9, 0.3), last(breadth=1e-7))))(sound())
    assert [f.kind for f in rules().find("IMBALANCE")[1].look(seen)] == ["NOTE"]


def test_a_check_that_the_run_refuted_is_a_note() -> None:
    found = diagnose(tried(failed={"overfit": "these cannot be learnt"})(sound()), rules())
    assert [(f.kind, f.code) for f in found.findings] == [("NOTE", "CHECK_FAILED")]


def test_a_sound_run_has_no_finding() -> None:
    found = diagnose(sound(), rules())
    assert found.findings == ()
    assert found.healthy
    assert found.broken == ()


def test_every_rule_has_a_case() -> None:
    builtin = {rule.code for origin, rule in rules() if origin.startswith("minigrad ")}
    assert set(CASES) == builtin


@pytest.mark.parametrize("code", CASES)
def test_a_fault_is_found_by_its_rule(code: str) -> None:
    rule = rules().find(code)[1]
    found = list(rule.look(CASES[code](sound())))
    assert [f.code for f in found] == [code]
    assert found[0].kind == "FAULT"
    assert found[0].why
    assert 1 <= len(found[0].advice) <= 3


@pytest.mark.parametrize("code", CASES)
def test_the_first_finding_is_the_cause(code: str) -> None:
    found = diagnose(CASES[code](sound()), rules())
    assert found.faults[0].code == code, str(found)
    assert len(found.faults) == 1, str(found)


@pytest.mark.parametrize("code", CASES)
def test_rules_keep_quiet_where_figures_are_missing(code: str) -> None:
    bare = attrs.evolve(
        sound(),
        first=None,
        last=None,
        samples=(),
        losses=(),
        points=(),
        confusion=(),
        hyper={},
        start=type(sound().start)(),
        experiments=type(sound().experiments)(),
        train_gain=None,
        val_gain=None,
    )
    thin = attrs.evolve(bare, data=type(bare.data)(rows=10, features=2))
    assert list(rules().find(code)[1].look(thin)) == []


def test_thresholds_have_docstrings_and_numbers() -> None:
    for _, rule in rules():
        for name, value in thresholds_of(rule).items():
            assert isinstance(value, int | float), (rule.code, name)
            assert f"{name}:" in (type(rule).__doc__ or "") or f"{name}," in (type(rule).__doc__ or ""), (
                rule.code,
                name,
            )


def test_effects_name_rules_that_exist() -> None:
    codes = {rule.code for _, rule in rules()}
    for _, rule in rules():
        assert rule.effects <= codes, (rule.code, rule.effects - codes)
        assert rule.code not in rule.effects


def test_another_threshold_changes_the_verdict() -> None:
    spoilt = CASES["LEAK"](sound())
    assert diagnose(spoilt, rules().tuned({"LEAK.share": 0.5})).healthy
    assert not diagnose(spoilt, rules().tuned({"LEAK.share": 0.2})).healthy


def test_a_rule_can_be_left_out() -> None:
    left = rules().without("leak")
    assert isinstance(left, Catalog)
    assert diagnose(CASES["LEAK"](sound()), left).healthy
