"""One trial of a search, in a process of its own.

A request as JSON on stdin, the result as the last line of stdout.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from minigrad.core.errors import MinigradError
from minigrad.text import finite_or_none
from minigrad.train import Callback, History
from minigrad.train.script.script import load_script
from minigrad.train.setup import Setup, SetupOptions
from minigrad_sweep.pruning import Pruning, Rivals, score_of
from minigrad_sweep.subject import changed_settings

__all__ = ["main"]


def main() -> int:
    """Train as asked; a training that fails is a result too."""
    request = json.load(sys.stdin)
    try:
        with redirect_stdout(sys.stderr):
            rivals = request.get("rivals")
            pruning = Pruning(Rivals(**rivals), request["changed"]["epochs"]) if rivals else None
            history = _trained(request["subject"], request["changed"], [pruning] if pruning else [])
    except MinigradError as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        return 0
    best = history.best
    if best is None:
        print(json.dumps({"error": "no epoch was completed"}))
        return 0
    loss = best.train_loss if best.val_loss is None else best.val_loss
    accuracy = best.train_accuracy if best.val_loss is None else best.val_accuracy
    score = score_of(best)
    if not math.isfinite(score):
        print(json.dumps({"error": "the loss is not finite"}))
        return 0
    figures = {"loss": finite_or_none(loss), "accuracy": accuracy, "epoch": best.epoch}
    told: dict[str, object] = {"score": score, "figures": figures}
    if pruning is not None:
        told |= {"curve": [score_of(e) for e in history.epochs if e.epoch], "pruned": pruning.pruned}
    print(json.dumps(told))
    return 0


def _trained(subject: Mapping[str, object], changed: Mapping[str, object], callbacks: Sequence[Callback]) -> History:
    """Train a script, or what options describe, with some settings changed."""
    if "options" in subject:
        options = subject["options"]
        assert isinstance(options, dict)
        return Setup(SetupOptions.from_mapping(options).with_changes(changed)).fit(
            checks=False, quiet=True, callbacks=callbacks
        )
    script = load_script(Path(str(subject["script"])))
    return script.fit(changed_settings(script.settings, changed), checks=False, quiet=True, callbacks=callbacks)


if __name__ == "__main__":
    sys.exit(main())
