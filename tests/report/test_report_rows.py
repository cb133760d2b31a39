"""What the report shows of rows: batches, predictions over targets and the worst errors, beside values by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from minigrad import data, nn, train
from minigrad.charts import Picture
from minigrad.cli import main
from minigrad.train.output.row_pictures import RowTable, prediction_picture, worst_rows
from minigrad.train.splits import as_split

USE = Path(__file__).parent.parent / "data" / "use"


def circles(picture: Picture) -> list[tuple[float, float]]:
    found = re.findall(r'<circle class="line c0 points" cx="([\d.]+)" cy="([\d.]+)"', picture.figure())
    return [(float(x), float(y)) for x, y in found]


def test_predictions_lie_over_their_targets_in_their_units() -> None:
    ready = data.load(USE / "houses.csv", target="price").scaled()
    split = as_split(ready, np.dtype(np.float32))
    assert split.val is not None
    picture = prediction_picture(split, split.val.y, split.val.y)
    points = circles(picture)
    assert len(points) == len(split.val)
    slope = float(np.polyfit([x for x, _ in points], [y for _, y in points], 1)[0])
    assert slope < 0.0, "downwards in pixels is upwards"
    dashed = r'<polyline class="line c7 dashed" points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)"'
    ends = [float(v) for v in re.findall(dashed, picture.figure())[0]]
    line = np.polyval(np.polyfit(ends[::2], ends[1::2], 1), [x for x, _ in points])
    np.testing.assert_allclose(line, [y for _, y in points], atol=0.2)
    labels = re.findall(r'class="tick"[^>]*>([^<]+)<', picture.figure())
    assert any(text in ("2e5", "4e5") for text in labels), "in euros"


def test_the_worst_rows_are_those_of_the_largest_loss() -> None:
    ready = data.load(USE / "passengers.csv", target="survived").scaled()
    split = as_split(ready, np.dtype(np.float32))
    rows = split.val
    assert rows is not None
    outputs = np.random.default_rng(0).normal(size=(len(rows), 2))
    table = worst_rows(split, rows, outputs)
    assert isinstance(table, RowTable)
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    order = np.argsort(shares[np.arange(len(rows)), rows.y.astype(int)])[:12]
    assert [int(row[0]) for row in table.rows] == order.tolist()
    recipe = ready.preparation
    assert recipe is not None
    for row in table.rows:  # cells are those of the file: encoded again they give the row
        cells = dict(zip(table.head[4:], row[4:], strict=True))
        ((again, _),) = recipe.chunks({name: [cell] for name, cell in cells.items()})
        np.testing.assert_allclose(again[0], rows.x[int(row[0])], atol=0.03)


@pytest.mark.parametrize(("name", "kind"), [("digits", Picture), ("iris", RowTable), ("diabetes", RowTable)])
def test_a_batch_is_shown_as_the_model_gets_it(name: str, kind: type) -> None:
    ready = data.load(name).scaled()
    shown = train.show_batch(ready, 64, seed=3)
    assert isinstance(shown, kind)
    assert "_repr_html_" in dir(shown)
    x, _ = next(iter(data.Loader(ready.x_train, ready.y_train, 64, seed=3).epoch(0, 0)))
    if isinstance(shown, RowTable):
        assert [float(cell) for cell in shown.rows[0][1:4]] == pytest.approx(x[0, :3], rel=1e-2)
    else:
        assert shown.figure().count("<image") == 16


def test_a_text_is_shown_as_windows(tmp_path: Path) -> None:
    shown = train.show_batch(data.load(USE / "genesis.txt"), 8)
    assert isinstance(shown, RowTable)
    text = (USE / "genesis.txt").read_text(encoding="utf-8")
    assert all(row[0].encode().decode("unicode_escape") in text for row in shown.rows)


def test_the_page_has_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--epochs", "2", "--no-checks", "--metrics", "r2"]
    assert main(["train", "--data", str(USE / "houses.csv"), "--target", "price", *options]) == 0
    page = Path("runs/0001-houses/report.html").read_text(encoding="utf-8")
    for words in ("Prediction over target", "Worst errors", "The first batch as the model gets it", "<th>r2</th>",
                  'data-head="district"'):  # fmt: skip
        assert words in page
    assert Path("runs/0001-houses/predictions.svg").exists()
    assert "Content-Security-Policy" in page


@pytest.mark.parametrize("broken", [False, True])
def test_answers_and_runs_that_broke_have_a_batch_alone(broken: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    y = (x[:, :2] > 0).astype(np.float32) if not broken else x[:, :1] * 3.0
    model = nn.mlp(3, [4], y.shape[1], rng=0)
    folder = train.RunFolder(tmp_path)

    class Break(train.Callback):
        def on_end(self, run: train.Run) -> None:
            if broken:
                run.model.load_state_dict({n: np.full_like(w, np.inf) for n, w in run.model.state_dict().items()})

    loss = "mse" if broken else nn.find_loss("bce")
    train.fit(model, (x, y), loss=loss, epochs=1, quiet=True, checks=False, callbacks=[Break(), folder])
    assert [t.name for t in folder.tables] == ["batch"]
    assert "predictions.svg" not in folder.files
