"""`minigrad predict`, `evaluate` and `show`: from a table of one's own to a file of predictions."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from minigrad.cli import main


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with open("boats.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "hull", "fast", "price"])
        for _ in range(200):
            length, hull = rng.uniform(4, 20), str(rng.choice(["wood", "steel"]))
            writer.writerow([f"{length:.2f}", hull, "yes" if length > 11 else "no", f"{900 * length:.0f}"])


def read(path: str) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_classes_from_a_table_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--data", "boats.csv", "--target", "fast", "--epochs", "30", "--lr", "0.01", "--no-checks"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "hull    2 categories: steel, wood" in out
    assert "predicts 2 classes: no, yes" in out
    assert main(["evaluate", "runs/0001-boats", "boats.csv", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures["accuracy"] > 0.9
    assert main(["predict", "runs/0001-boats", "boats.csv", "--out", "fast.csv", "--proba"]) == 0
    assert capsys.readouterr().out == "saved      fast.csv\n"
    rows, true = read("fast.csv"), read("boats.csv")
    assert list(rows[0]) == ["fast", "fast=no", "fast=yes"]
    right = np.mean([r["fast"] == t["fast"] for r, t in zip(rows, true, strict=True)])
    assert right == pytest.approx(figures["accuracy"])
    assert main(["predict", "runs/0001-boats", "boats.csv", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [p["fast"] for p in document["predictions"]] == [r["fast"] for r in rows]
    assert main(["show", "runs/0001-boats"]) == 0
    shown = capsys.readouterr().out
    assert "Linear(4, 128)" in shown
    assert "length  number, mean" in shown
    assert main(["show", "runs/0001-boats", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["preparation"]["target"]["classes"] == ["no", "yes"]


def test_numbers_in_their_own_units(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--data", "boats.csv", "--target", "price", "--epochs", "40", "--lr", "0.01", "--no-checks"]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["evaluate", "runs/0001-boats", "boats.csv"]) == 0
    out = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert float(out["r2"]) > 0.9
    assert main(["predict", "runs/0001-boats", "boats.csv"]) == 0
    head, *prices = capsys.readouterr().out.split()
    assert head == "price"
    true = np.array([float(r["price"]) for r in read("boats.csv")])
    rmse = float(np.sqrt(np.mean((np.array(prices, dtype=float) - true) ** 2)))
    assert rmse == pytest.approx(float(out["rmse"]), rel=1e-4)


def test_mistakes_are_one_line_that_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    for command, message in (
        (["train", "--data", "boats.csv"], "which column is to be predicted? Name it: --target NAME. Columns: length"),
        (
            ["train", "--data", "iris", "--target", "x"],
            "iris, which says itself what is predicted: target",
        ),
        (["train", "--data", "boats.csv", "--target", "pirce"], "no column 'pirce'. Did you mean 'price'"),
        (["predict", "nowhere", "boats.csv"], "there is no such file"),
    ):
        assert main(command) == 1
        assert message in capsys.readouterr().err
    assert main(["train", "--data", "boats.csv", "--target", "price", "--epochs", "1", "--no-checks"]) == 0
    Path("more.csv").write_text("length,hull,fast\n7.5,glass,no\n")
    capsys.readouterr()
    for more in ([], ["--out", "prices.csv"]):
        assert main(["predict", "runs/0001-boats", "more.csv", *more]) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith("minigrad: DataError: more.csv row 1, column 'hull': 'glass' is no category")
    assert not Path("prices.csv").exists()
    Path("ring").symlink_to("ring")
    assert main(["predict", "runs/0001-boats", "boats.csv", "--out", "ring"]) == 1
    assert "ring: cannot be written (Too many levels of symbolic links)" in capsys.readouterr().err
    Path("lost.csv").symlink_to("nowhere")
    assert main(["predict", "runs/0001-boats", "lost.csv"]) == 1
    assert "Did you mean 'lost.csv'" not in capsys.readouterr().err
    Path("hollow/best.safetensors").mkdir(parents=True)
    assert main(["show", "hollow"]) == 1
    assert "hollow/best.safetensors: is a folder" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "runs/0001-boats", "boats.csv", "--json", "--out", "prices.csv"])
    assert "--json goes to standard output: leave out --out" in capsys.readouterr().err
    assert main(["predict", "runs/0001-boats", "boats.csv", "--proba"]) == 1
    assert "leave out --proba" in capsys.readouterr().err


def test_pictures_and_arrays_are_scored_where_their_targets_stand_beside_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for name, level in (("dark", 40), ("light", 200)):
            Path(f"lamps/{part}/{name}").mkdir(parents=True)
            for k in range(count):
                pixels = rng.integers(level - 40, level + 40, size=(6, 6, 3), dtype=np.uint8)
                image.fromarray(pixels).save(f"lamps/{part}/{name}/{k}.png")
    assert main(["train", "--data", "lamps", "--epochs", "20", "--lr", "0.01", "--no-checks"]) == 0
    capsys.readouterr()
    run = "runs/0001-lamps"
    assert main(["evaluate", run, "lamps", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert (figures["rows"], figures["accuracy"]) == (8, 1.0)
    assert main(["evaluate", run, "lamps/train"]) == 0
    assert "rows               24" in capsys.readouterr().out
    assert main(["predict", run, "lamps/test/dark"]) == 0
    assert capsys.readouterr().out.splitlines() == ["file,class", *(f"{k}.png,dark" for k in range(4))]

    pictures = np.stack([np.asarray(image.open(f"lamps/test/light/{k}.png")) for k in range(4)])
    np.savez("more.npz", test_images=pictures, test_labels=np.array(["light"] * 4))
    assert main(["evaluate", run, "more.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["accuracy"] == 1.0, "channels may come last"
    Path("lamps/test/dark").rename("lamps/test/drak")
    assert main(["evaluate", run, "lamps"]) == 1
    assert "drak: no class that was trained on. Did you mean 'dark'" in capsys.readouterr().err
    assert main(["evaluate", run, "lamps/train/dark/0.png"]) == 1
    assert "a file without targets" in capsys.readouterr().err


def test_a_set_by_its_name_is_scored_on_its_validation_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--data", "iris", "--epochs", "10", "--lr", "0.01", "--no-checks", "--json"]) == 0
    accuracy = json.loads(capsys.readouterr().out)["best"]["val_accuracy"]
    assert main(["evaluate", "runs/0001-iris", "iris", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["accuracy"] == pytest.approx(accuracy)
