"""Tasks on generated data, by class of data.

The two parts share no parameters of a generator, no network, no seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from minigrad_diagnosis_bench import generated as make
from minigrad_diagnosis_bench import more_generated as also
from minigrad_diagnosis_bench.setting import Arch, Setting

__all__ = ["MORE_HELD_OUT", "MORE_TUNING"]

Task = Callable[[int], Setting]


def _task(name: str, group: str, rows: Callable[[int], make.Rows], hidden: int, **options: object) -> Task:
    """A task: a network of one hidden layer, Adam, on the rows of a generator."""

    def setting(seed: int) -> Setting:
        x, y, x_val, y_val = rows(seed)
        quantities = y.dtype.kind == "f"
        columns = y.shape[1] if y.ndim > 1 else 1
        base = Setting(
            task=name,
            group=group,
            family="regression" if quantities else "mlp",
            x=x,
            y=y,
            x_val=x_val,
            y_val=y_val,
            sound=(x_val, y_val),
            arch=Arch(hidden=(hidden,)),
            outputs=columns if quantities else int(max(y.max(), y_val.max())) + 1,
            loss="mse" if quantities else "softmax",
            optimizer="adam",
            hyper={"lr": 5e-3},
            epochs=15,
        )
        return attrs.evolve(base, **options)  # type: ignore[arg-type]  # fields of Setting

    return setting


def _sequence_task(name: str, family: str, rows: Callable[[int], make.Rows], arch: Arch, **options: object) -> Task:
    """A task on sequences of numbers ("rnn") or of symbols ("lm")."""

    def setting(seed: int) -> Setting:
        plain = _task(name, "sequences", rows, 0, **options)(seed)
        return attrs.evolve(plain, family=family, arch=arch)

    return setting


MORE_TUNING: Mapping[str, Task] = {
    "lopsided-90": _task("lopsided-90", "imbalanced", lambda s: make.lopsided(s, (0.9, 0.1), 3.0, 6), 24),
    "lopsided-97": _task("lopsided-97", "imbalanced", lambda s: make.lopsided(s, (0.97, 0.03), 2.0, 10), 16),
    "season": _task("season", "series", lambda s: make.series(s, "season"), 24),
    "autoregressive": _task("autoregressive", "series", lambda s: make.series(s, "autoregressive", 8), 16),
    "categories-30": _task("categories-30", "one-hot", lambda s: make.categories(s, 30), 24),
    "topics-300": _task("topics-300", "text", lambda s: make.topics(s, 300, 3), 24, hyper={"lr": 1e-2}),
    "wide-300": _task("wide-300", "wide", lambda s: make.wide(s, 240, 300, 12), 16, hyper={"lr": 2e-3}),
    "tiny-90": _task("tiny-90", "tiny", lambda s: make.wide(s, 90, 8, 5, 3), 8, epochs=30, batch=10),
    "three-targets": _task("three-targets", "several targets", lambda s: make.many_targets(s, 3), 32),
    "moons": _task("moons", "curved", lambda s: also.curved(s, "moons", 0.15), 24, epochs=25, hyper={"lr": 1e-2}),
    "noisy-labels-20": _task("noisy-labels-20", "noisy labels", lambda s: also.clouds(s, 4, 6, 3.0, 0.2), 16),
    "phase": _task("phase", "functions", lambda s: also.function(s, "phase", 0.05), 32, epochs=25),
    "product": _task("product", "functions", lambda s: also.function(s, "product", 0.1), 32, epochs=25),
    "heavy-tails-4": _task("heavy-tails-4", "heavy tails", lambda s: also.clouds(s, 3, 5, 3.0, tails=4.0), 24),
    "ranks-4": _task("ranks-4", "ordered", lambda s: also.ranks(s, 4), 24),
    "waves-3": _sequence_task(
        "waves-3", "rnn", lambda s: also.waves(s, 3, 10), Arch("rnn", (16,), cell="GRU"), epochs=20, hyper={"lr": 1e-2}
    ),
    "chain-6": _sequence_task(
        "chain-6",
        "lm",
        lambda s: also.chain(s, 6, 8, 0.8),
        Arch("lm", (16,), cell="GRU"),
        epochs=10,
        hyper={"lr": 1e-2},
    ),
    "rare-columns-30": _task("rare-columns-30", "one-hot", lambda s: make.rare_columns(s, 30, 0.03), 16),
}

MORE_HELD_OUT: Mapping[str, Task] = {
    "lopsided-80": _task("lopsided-80", "imbalanced", lambda s: make.lopsided(s, (0.8, 0.2), 2.5, 8), 32),
    "lopsided-95": _task("lopsided-95", "imbalanced", lambda s: make.lopsided(s, (0.95, 0.05), 3.5, 12), 20),
    "lopsided-99": _task("lopsided-99", "imbalanced", lambda s: make.lopsided(s, (0.99, 0.01), 4.0, 5, 3600), 16),
    "three-lopsided": _task("three-lopsided", "imbalanced", lambda s: make.lopsided(s, (0.9, 0.06, 0.04), 3.5, 9), 24),
    "trend": _task("trend", "series", lambda s: make.series(s, "trend", 10), 20),
    "smooth": _task("smooth", "series", lambda s: make.series(s, "smooth", 6), 16),
    "season-24": _task("season-24", "series", lambda s: make.series(s, "season", 24, 1500), 32),
    "categories-60": _task("categories-60", "one-hot", lambda s: make.categories(s, 60), 32),
    "rare-columns-12": _task("rare-columns-12", "one-hot", lambda s: make.rare_columns(s, 12, 0.05), 16),
    "topics-800": _task("topics-800", "text", lambda s: make.topics(s, 800, 5), 32, hyper={"lr": 1e-2}),
    "wide-700": _task("wide-700", "wide", lambda s: make.wide(s, 180, 700, 20), 12, hyper={"lr": 2e-3}),
    "tiny-60": _task("tiny-60", "tiny", lambda s: make.wide(s, 60, 5, 4), 8, epochs=40, batch=8),
    "one-column": _task("one-column", "several targets", lambda s: make.many_targets(s, 1), 24),
    "five-targets": _task("five-targets", "several targets", lambda s: make.many_targets(s, 5), 40),
    "circles": _task("circles", "curved", lambda s: also.curved(s, "circles", 0.08), 32, epochs=25, hyper={"lr": 1e-2}),
    "checkerboard": _task(
        "checkerboard",
        "curved",
        lambda s: also.curved(s, "checkerboard", 0.02, 1800),
        64,
        epochs=40,
        hyper={"lr": 2e-2},
    ),
    "noisy-labels-30": _task("noisy-labels-30", "noisy labels", lambda s: also.clouds(s, 3, 8, 3.0, 0.3), 12),
    "noisy-quantity": _task("noisy-quantity", "noisy labels", lambda s: also.function(s, "sines", 1.5), 12),
    "impedance": _task("impedance", "functions", lambda s: also.function(s, "impedance", 0.1), 24, epochs=20),
    "sines": _task("sines", "functions", lambda s: also.function(s, "sines", 0.1, 1600), 48, epochs=25),
    "counts": _task("counts", "functions", lambda s: also.counts(s, 6.0), 24),
    "heavy-tails-2.5": _task("heavy-tails-2.5", "heavy tails", lambda s: also.clouds(s, 4, 7, 4.0, tails=2.5), 24),
    "ten-clouds": _task("ten-clouds", "heavy tails", lambda s: also.clouds(s, 10, 12, 5.0, rows=1500), 32),
    "ranks-6": _task("ranks-6", "ordered", lambda s: also.ranks(s, 6, 1400), 24),
    "waves-5": _sequence_task(
        "waves-5", "rnn", lambda s: also.waves(s, 5, 14), Arch("rnn", (24,), cell="LSTM"), epochs=25, hyper={"lr": 1e-2}
    ),
    "chain-9": _sequence_task(
        "chain-9",
        "lm",
        lambda s: also.chain(s, 9, 10, 0.85),
        Arch("lm", (20,), cell="RNN"),
        epochs=10,
        hyper={"lr": 1e-2},
    ),
    "lopsided-98": _task("lopsided-98", "imbalanced", lambda s: make.lopsided(s, (0.98, 0.02), 3.5, 7, 3000), 24),
    "walk": _task("walk", "series", lambda s: make.series(s, "walk", 5, 900), 16),
    "categories-120": _task("categories-120", "one-hot", lambda s: make.categories(s, 120, 2000), 24),
    "topics-1500": _task("topics-1500", "text", lambda s: make.topics(s, 1500, 3, 600), 16, hyper={"lr": 1e-2}),
    "wide-quantities": _task(
        "wide-quantities", "wide", lambda s: also.wide_quantities(s, 240, 120), 8, hyper={"lr": 2e-3}
    ),
    "tiny-quantities": _task(
        "tiny-quantities", "tiny", lambda s: also.wide_quantities(s, 75, 5), 8, epochs=60, batch=8
    ),
    "rare-answers": _task("rare-answers", "several targets", lambda s: also.rare_answers(s, 5), 24, loss="bce"),
    "four-answers": _task(
        "four-answers", "several targets", lambda s: make.many_targets(s, 4, answers=True), 24, loss="bce"
    ),
}
