"""Damaged checkpoints of a real run: one type of error, none accepted, and the model is as it was."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from minigrad import checkpoint, data, nn
from minigrad.checkpoint import CheckpointError
from minigrad.train import Checkpoints, fit
from support.checkpoint_damage import DAMAGES, damaged


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Two checkpoints of the same form with different numbers."""
    made = []
    for seed in (0, 1):
        path = tmp_path_factory.mktemp("runs") / "a"
        model = nn.mlp(4, [8], 3, rng=seed)
        fit(model, data.load("iris").scaled(), epochs=2, seed=seed, callbacks=[Checkpoints(path)], quiet=True)
        made.append(path.read_bytes())
    return made[0], made[1]


def accepted(count: int, seed: int, pair: tuple[bytes, bytes], path: Path) -> Counter[str]:
    """Kinds of damage that `load` did not notice or explain in a line; an error of another type comes through."""
    rng, found = np.random.default_rng(seed), Counter[str]()
    kinds = list(DAMAGES)
    for i in range(count):
        kind = kinds[i % len(kinds)]
        path.write_bytes(damaged(kind, *pair, rng))
        try:
            checkpoint.load(path)
        except CheckpointError as error:
            text = str(error)
        else:
            text = ""
        found[kind] += str(path) not in text or len(text) > 2000
    return +found


def test_the_originals_are_sound(pair: tuple[bytes, bytes], tmp_path: Path) -> None:
    for raw in pair:
        (tmp_path / "a").write_bytes(raw)
        assert checkpoint.load(tmp_path / "a").about["run"]


def test_300_damaged_files(pair: tuple[bytes, bytes], tmp_path: Path) -> None:
    assert not accepted(300, 0, pair, tmp_path / "a")


@pytest.mark.soak
def test_2000_damaged_files(pair: tuple[bytes, bytes], tmp_path: Path) -> None:
    assert not accepted(int(os.environ.get("MINIGRAD_DAMAGED", "2000")), 1, pair, tmp_path / "a")
