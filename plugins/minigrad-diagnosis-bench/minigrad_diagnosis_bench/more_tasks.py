"""Tasks on generated data, by class of data.

The two parts share no parameters of a generator, no network, no seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from minigrad_diagnosis_bench import generated as make
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
    "four-answers": _task(
        "four-answers", "several targets", lambda s: make.many_targets(s, 4, answers=True), 24, loss="bce"
    ),
}
