"""`minigrad serve`: right answers, limits, and requests that are no requests."""

from __future__ import annotations

import csv
import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from minigrad import nn
from minigrad.cli.use.serve import LARGEST, RunServer
from minigrad.data import load
from minigrad.train import RunFolder, SavedRun, fit
from minigrad.train import load as load_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SavedRun:
    folder = tmp_path_factory.mktemp("served")
    rng = np.random.default_rng(0)
    with open(folder / "boats.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "hull", "fast"])
        for length in rng.uniform(4, 20, 80):
            writer.writerow([f"{length:.2f}", str(rng.choice(["wood", "steel"])), "yes" if length > 11 else "no"])
    boats = load(folder / "boats.csv", target="fast").scaled()
    keeper = RunFolder(folder / "run", model={"kind": "mlp", "features": 3, "hidden": [4], "outputs": 2})
    (folder / "run").mkdir()
    fit(nn.mlp(3, [4], 2, rng=0), boats, epochs=5, lr=0.1, checks=False, quiet=True, callbacks=[keeper])
    return load_run(folder / "run")


@pytest.fixture(scope="module")
def port(run: SavedRun) -> Iterator[int]:
    server = RunServer(run, 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(5)
    server.server_close()


def ask(port: int, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request("GET" if body is None else "POST", path, content, headers)
    reply = connection.getresponse()
    document = json.loads(reply.read())
    connection.close()
    return reply.status, document


def test_answers_are_those_of_the_run(port: int, run: SavedRun) -> None:
    rows = [{"length": 5.5, "hull": "wood"}, {"length": "18", "hull": "steel"}]
    status, reply = ask(port, "/predict", {"rows": rows})
    assert status == 200
    columns: dict[str, list[object]] = {"length": [5.5, 18.0], "hull": ["wood", "steel"]}
    assert reply["predictions"] == run.predict(columns).tolist()
    shares = [list(row.values()) for row in reply["probabilities"]]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(shares, run.predict_proba(columns))
    status, about = ask(port, "/")
    assert status == 200
    assert about["classes"] == ["no", "yes"]


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/predict", {"rows": [{"length": 5.5}]}, 400, "row 1 has no 'hull'"),
        ("/predict", {"rows": [{"length": 5.5, "hull": "glass"}]}, 400, "'glass' is no category"),
        ("/predict", {"rows": [{"length": "long", "hull": "wood"}]}, 400, "'long' is no finite number"),
        ("/predict", {"rows": [{"length": [1], "hull": "wood"}]}, 400, "a list is no cell"),
        ("/predict", {"rows": [{"length": None, "hull": "wood"}]}, 400, "no training row lacked one"),
        ("/predict", {"rows": "boats.csv"}, 400, "'rows' must be a list of 1 to"),
        ("/predict", {"rows": []}, 400, "'rows' must be a list"),
        ("/predict", {"rows": [{}] * 2000}, 400, "of 1 to 1000 rows"),
        ("/predict", {"rows": [3]}, 400, "row 1 must be an object with the columns length, hull"),
        ("/predict", [1], 400, "must be an object"),
        ("/predict", b"{", 400, "no JSON"),
        ("/predict", b"[" * 100_000, 400, "no JSON"),
        ("/predict", b"\x80\x04.", 400, "no JSON"),
        ("/../etc/passwd", {"rows": []}, 404, "POST to /predict"),
    ],
)
def test_what_cannot_be_answered_says_why(path: str, body: object, status: int, message: str, port: int) -> None:
    code, reply = ask(port, path, body)
    assert code == status
    assert message in str(reply["error"])


def test_a_request_that_claims_to_be_large_is_not_read(port: int) -> None:
    status, reply = ask(port, "/predict", b"{}", **{"Content-Length": str(LARGEST + 1)})
    assert status == 413
    assert "at most 1048576 are taken" in str(reply["error"])


def test_only_this_machine_is_answered_and_under_its_own_name(port: int) -> None:
    status, reply = ask(port, "/predict", {"rows": []}, Host="evil.example")
    assert status == 403
    assert "evil.example" in str(reply["error"])


def test_nothing_is_left_behind(port: int, run: SavedRun) -> None:
    before = sorted(Path(run.path).iterdir())
    ask(port, "/predict", {"rows": [{"length": 1, "hull": "wood"}]})
    assert sorted(Path(run.path).iterdir()) == before
