"""The embedded sets are what the datasheet says: whole, balanced, without duplicates across splits, unaltered."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import minigrad.data as data
from minigrad.data import embedded

SHEET = Path(embedded.__file__).with_name("DATASHEET.md").read_text(encoding="utf-8")
EMBEDDED = [card for card in data.available().values() if card.origin == "embedded"]
TABLES = [card.name for card in EMBEDDED if card.kind != "text"]


def test_fashion_is_5000_and_1000_balanced_rows() -> None:
    fashion = data.load("fashion")
    assert (fashion.x_train.shape, fashion.x_val.shape) == ((5000, 28, 28), (1000, 28, 28))
    assert fashion.x_train.dtype == np.uint8
    assert np.bincount(fashion.y_train).tolist() == [500] * 10
    assert np.bincount(fashion.y_val).tolist() == [100] * 10
    assert len(fashion.class_names) == 10
    assert fashion.class_names[9] == "Ankle boot"


def test_fashion_has_no_identical_rows_at_all() -> None:
    fashion = data.load("fashion")
    rows = [row.tobytes() for x in (fashion.x_train, fashion.x_val) for row in x]
    assert len(set(rows)) == 6000


def test_fashion_begins_as_the_original_training_file_does() -> None:
    # The first thirty labels of the published train-labels-idx1-ubyte; the first ten test labels.
    fashion = data.load("fashion")
    assert "".join(map(str, fashion.y_train[:30])) == "900302725509557910643148430244"
    assert fashion.y_val[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]


@pytest.mark.parametrize(
    ("name", "rows", "shape", "counts"),
    [
        ("digits", 1797, (8, 8), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
        ("iris", 150, (4,), [50, 50, 50]),
        ("wine", 178, (13,), [59, 71, 48]),
        ("breast_cancer", 569, (30,), [212, 357]),
        ("diabetes", 442, (10,), []),
    ],
)
def test_tables_have_their_published_sizes(name: str, rows: int, shape: tuple[int, ...], counts: list[int]) -> None:
    it = data.load(name)
    y = np.concatenate([it.y_train, it.y_val])
    assert len(y) == rows
    assert it.input_shape == shape
    assert len(it.x_train) + len(it.x_val) == rows
    if counts:
        assert np.bincount(y).tolist() == counts
        assert len(it.class_names) == len(counts)
    if len(shape) == 1:
        assert len(it.feature_names) == shape[0]


def test_published_means_of_the_tables() -> None:
    # From the summaries in the UCI descriptions (for diabetes, Efron et al.): iris, wine alcohol and proline,
    # largest cell area, and the mean progression.
    def pooled(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        it = data.load(name)
        return np.concatenate([it.x_train, it.x_val])

    assert pooled("iris").mean(axis=0) == pytest.approx([5.84, 3.06, 3.76, 1.20], abs=0.006)
    assert pooled("wine")[:, [0, 12]].mean(axis=0) == pytest.approx([13.0, 746], abs=1)
    assert pooled("breast_cancer")[:, 23].max() == 4254.0
    assert pooled("digits").max() == 16
    diabetes = data.load("diabetes")
    assert np.concatenate([diabetes.y_train, diabetes.y_val]).mean() == pytest.approx(152.13, abs=0.01)


@pytest.mark.parametrize("name", list(data.available()))
def test_every_set_is_clean_and_read_only(name: str) -> None:
    it = data.load(name)
    data.check(it)
    assert not [f for f in data.find_issues(it.scaled()) if f.level == "FAULT"]
    for array in (it.x_train, it.y_train, it.x_val, it.y_val):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
        base: object = array
        while isinstance(base, np.ndarray):
            assert not base.flags.writeable
            base = base.base
    assert it.source


@pytest.mark.parametrize("card", EMBEDDED, ids=lambda card: card.name)
def test_datasheet_names_each_file_with_its_checksum_and_size(card: data.Card) -> None:
    blob = (embedded.SETS / f"{card.name}.npz").read_bytes()
    assert hashlib.sha256(blob).hexdigest() == card.sha256
    row = next(line for line in SHEET.splitlines() if line.startswith(f"| {card.name} | `{card.name}.npz`"))
    assert card.sha256 in row
    assert f"{len(blob):,}" in row


def test_datasheet_and_licences_are_in_the_package() -> None:
    assert "Zalando SE" in (embedded.SETS / "LICENSE-fashion-mnist.txt").read_text(encoding="utf-8")
    assert "BSD 3-Clause" in (embedded.SETS / "LICENSE-scikit-learn.txt").read_text(encoding="utf-8")
    assert len(re.findall("CC BY 4.0", SHEET)) >= 4
    assert sum(file.stat().st_size for file in embedded.SETS.iterdir()) < 3_000_000


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_embedded_file_is_refused(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = bytearray((embedded.SETS / "iris.npz").read_bytes())
    monkeypatch.setattr(embedded, "SETS", tmp_path)
    blob[len(blob) // 2] ^= 1
    if damage != "gone":
        (tmp_path / "iris.npz").write_bytes(blob if damage == "flip" else blob[:-1])
    with pytest.raises(data.DataFileError, match=r"iris\.npz.*Reinstall"):
        data.load("iris")


def test_an_error_about_data_is_an_error_of_minigrad() -> None:
    with pytest.raises(mg.MinigradError, match="Did you mean 'fashion'"):
        data.load("fashon")
    assert issubclass(data.DataError, ValueError)


def test_loading_data_needs_neither_ops_nor_network() -> None:
    # `import minigrad` may load what it likes; the data room itself asks for the core, whose errors it shares.
    code = (
        "import sys, types, importlib.util, socket\n"
        "socket.socket = None\n"
        "spec = importlib.util.find_spec('minigrad')\n"
        "package = types.ModuleType('minigrad'); package.__path__ = list(spec.submodule_search_locations)\n"
        "sys.modules['minigrad'] = package\n"
        "import minigrad.data as d\n"
        "[d.load(name) for name in d.available()]\n"
        "rooms = ('data', 'core', 'runtime', 'lazy', 'text')\n"
        "extra = [m for m in sys.modules if m.startswith('minigrad.') and m.split('.')[1] not in rooms]\n"
        "assert not extra, extra\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
