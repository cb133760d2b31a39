"""The page for those who come from PyTorch: its code runs, and names of PyTorch's lead to what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, optim, train

PAGE = (Path(mg.__file__).parent / "train" / "COMING_FROM_PYTORCH.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| PyTorch")]
NOT_CODE = ("fit(..., ", "callbacks=", "with mg.no_grad():", "with nn.seeded(0):", "report.html", "self.m = ", "rng=0",
            'data.load("pets/"', "mg.load(path", "mg.register", "mg.check_gradients",
            "train, val", "data.Loader(x[train]", "mg.checkpoint", "def forward", "sched.", "StepLR",
            "MultiStepLR", "LambdaLR")  # fmt: skip


def environment() -> dict[str, object]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)).astype(np.float32), np.arange(20) % 2
    model = nn.mlp(3, [4], 2, rng=0)
    return {
        "mg": mg, "nn": nn, "data": data, "train": train, "optim": optim, "np": np, "rng": rng, "a": np.ones(3),
        "b": np.ones(3), "t": mg.tensor(x), "x": x, "y": y, "model": model, "p": model.parameters(), "w": np.ones(2),
        "f": lambda v: (v * v).sum(), "step": lambda v: v * 2.0, "m": np.ones(3),
    }  # fmt: skip


def test_the_loop_reaches_what_it_should() -> None:
    space: dict[str, object] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], space)
    assert float(str(space["accuracy"])) > 0.85
    history = train.fit(
        nn.mlp(4, [16], 3, rng=0), data.load("iris").scaled(), epochs=2, lr=0.01, checks=False, quiet=True
    )
    assert len(history) == 2


def test_every_line_of_the_tables_runs() -> None:
    ran = 0
    for row in ROWS:
        theirs, ours = (cell.strip() for cell in row.strip("|").split(" | "))
        source = theirs if ours.startswith("the same") else ours
        for code in re.findall(r"`([^`]+)`", source):
            if code.startswith(NOT_CODE) or code.startswith((".", "t = ")):
                continue
            eval(code, environment())
            ran += 1
    assert ran >= 40


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("t.view(2, -1)", r"t\.reshape"),
        ("t.size(0)", r"t\.shape\[0\]"),
        ("t.numel()", r"t\.size"),
        ("t.ndimension()", r"t\.ndim"),
        ("t.to('cuda')", "one device"),
        ("t.float()", r"astype\('float32'\)"),
        ("t.unsqueeze(0)", r"t\[None\]"),
        ("t.add_(1)", "Tensors do not change"),
        ("t.scatter_(0, t, t)", "put_along_axis"),
        ("optim.CosineAnnealingLR", "Cosine.*updates, not epochs"),
        ("optim.LambdaLR", "Schedule"),
        ("mg.clip_grad_norm_", "ClipNorm"),
        ("data.train_test_split", "split_rows"),
        ("data.Loder", "Did you mean 'Loader'"),
        ("np.add.at(t, np.array([0]), t)", "index_add"),
        ("mg.cat", "concatenate"),
        ("mg.concat", "concatenate"),
        ("mg.mm", "matmul"),
        ("mg.clamp", "clip"),
        ("mg.save", "RunFolder"),
        ("mg.from_numpy", "tensor"),
        ("mg.manual_seed", "seeds"),
        ("mg.functional", "in minigrad itself"),
        ("mg.autocast", "astype"),
        ("mg.distributed", "parallel"),
        ("nn.functional", "in minigrad itself"),
        ("nn.F", "in minigrad itself"),
        ("nn.CrossEntropy", "CrossEntropyLoss"),
        ("model.to('cuda')", "one device"),
        ("model.float()", "astype"),
        ("model.fit(x, y)", r"train\.fit"),
        ("model.save('a')", "RunFolder"),
        ("optim.Adam", r"mg\.optimizer\('adam'"),
        ("data.DataLoader", "Loader"),
        ("train.EarlyStopping", "patience"),
        ("train.ModelCheckpoint", "Checkpoints"),
        ("train.Trainer", "fit"),
    ],
)
def test_names_that_people_know_lead_to_those_that_there_are(code: str, message: str) -> None:
    with pytest.raises((AttributeError, TypeError), match=message):
        eval(code, environment())


def test_evaluate_takes_arrays_and_the_name_of_a_loss() -> None:
    wine = data.load("wine").scaled()
    model = nn.mlp(13, [8], 3, rng=0)
    score = train.evaluate(model, (wine.x_val, wine.y_val), "softmax")
    outputs = model(wine.x_val).numpy()
    assert score.accuracy == np.mean(outputs.argmax(axis=1) == wine.y_val)
    with pytest.raises(train.TrainError, match="data must be"):
        train.evaluate(model, (1, 2, 3), "softmax")  # type: ignore[arg-type]
    with pytest.raises(mg.MinigradError, match="Did you mean"):
        train.evaluate(model, (wine.x_val, wine.y_val), "sofmax")
