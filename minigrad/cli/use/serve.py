"""`minigrad serve`: a run that answers JSON over HTTP on this machine, for a demo.

Nothing that is sent is executed or unpickled, and nothing is written. Requests have a largest size and a time limit,
and one is answered at a time.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import numpy as np

from minigrad.core.errors import MinigradError
from minigrad.data.prepare.preparation import ArrayInputs, TableInputs
from minigrad.data.prepare.targets import LabelTarget
from minigrad.data.prepare.text import TextInputs
from minigrad.text import finite_or_none
from minigrad.train import SavedRun, TrainError, load
from minigrad.train.evaluation import probabilities_of, shares_of

__all__ = ["BadRequest", "RunServer", "answer", "serve"]

LARGEST = 1 << 20
"""Bytes of a request."""
MOST_ROWS, MOST_CHARACTERS = 1000, 2000
SECONDS = 10.0
"""After which a request that does not come to its end is dropped."""


class BadRequest(MinigradError):
    """A request that cannot be answered; says why."""


def serve(arguments: Namespace) -> int:
    """Answer until Ctrl-C. Returns the exit code."""
    run = load(arguments.run, trust=arguments.trust)
    if run.preparation is None:
        raise TrainError(f"{run.path}: the run was given plain arrays, so it does not know what rows look like")
    try:
        server = RunServer(run, arguments.port)
    except OSError as error:
        raise TrainError(f"port {arguments.port} cannot be used ({error.strerror or error}): --port N") from error
    address = f"http://127.0.0.1:{server.server_port}"
    print(f"serving    {run.path} at {address}; Ctrl-C ends it")
    print(f"{'':<10} curl {address}/predict -d '{json.dumps(_example(run))}'", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("", file=sys.stderr)
    finally:
        server.server_close()
    return 0


class RunServer(HTTPServer):
    """A server on 127.0.0.1 that only programs of this machine can reach.

    Args:
        run: what answers.
        port: 0 for any that is free; `server_port` says which.
    """

    def __init__(self, run: SavedRun, port: int) -> None:
        self.run = run
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """GET / says what the run is; POST /predict answers rows."""

    timeout = SECONDS
    server_version = "minigrad"
    sys_version = ""
    _ALLOWED: ClassVar[tuple[str, ...]] = ("127.0.0.1", "localhost", "[::1]")

    def do_GET(self) -> None:
        """What the run is and takes."""
        if self._is_local():
            run = self._run
            about = {"run": run.path.name, "rows": _example(run), "classes": list(run.class_names), **run.about}
            self._reply(HTTPStatus.OK if self.path == "/" else HTTPStatus.NOT_FOUND, about)

    def do_POST(self) -> None:
        """Predictions for the rows of a JSON document."""
        if not self._is_local():
            return
        if self.path != "/predict":
            self._reply(HTTPStatus.NOT_FOUND, {"error": f"there is no {self.path:.40}: POST to /predict"})
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self._reply(HTTPStatus.LENGTH_REQUIRED, {"error": "Content-Length is needed"})
        elif int(length) > LARGEST:
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"{length} bytes, at most {LARGEST} are taken"})
        else:
            try:
                self._reply(HTTPStatus.OK, answer(self._run, _document(self.rfile.read(int(length)))))
            except MinigradError as error:
                self._reply(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    @property
    def _run(self) -> SavedRun:
        assert isinstance(self.server, RunServer)
        return self.server.run

    def _is_local(self) -> bool:
        """Refuse a page of another site whose name was made to lead here."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host in self._ALLOWED:
            return True
        self._reply(HTTPStatus.FORBIDDEN, {"error": f"asked for as {host:.60}: only as 127.0.0.1 or localhost"})
        return False

    def _reply(self, status: HTTPStatus, document: object) -> None:
        body = json.dumps(finite_or_none(document), default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """One line a request, on standard error."""
        sys.stderr.write(f"{self.command} {self.path:.60} {arguments[1] if len(arguments) > 1 else ''}\n")


def answer(run: SavedRun, document: Mapping[str, object]) -> dict[str, object]:
    """Predictions for a document.

    That is `{"rows": [...]}`, or for a model of text `{"text": "...", "length": 100}`. Rows of a table are objects by
    column, others lists of numbers; nothing in them is taken for a path.

    Raises:
        BadRequest: the document is of another form.
        DataError: as in `SavedRun.predict`; names row and column.
    """
    assert run.preparation is not None
    inputs, target = run.preparation.inputs, run.preparation.target
    if isinstance(inputs, TextInputs):
        return _continuation(run, document)
    rows = document.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
        raise BadRequest(f"'rows' must be a list of 1 to {MOST_ROWS} rows")
    prepared = _columns(rows, inputs) if isinstance(inputs, TableInputs) else _array(rows, inputs)
    outputs = run.outputs(prepared)
    reply: dict[str, object] = {"predictions": target.decode(outputs).tolist()}
    if run.class_names:
        shares = probabilities_of(outputs).tolist()
        reply["probabilities"] = [dict(zip(run.class_names, row, strict=True)) for row in shares]
    elif isinstance(target, LabelTarget):
        reply["probabilities"] = [dict(zip(target.names, row, strict=True)) for row in shares_of(outputs).tolist()]
    return reply


def _continuation(run: SavedRun, document: Mapping[str, object]) -> dict[str, object]:
    text, length, seed = document.get("text"), document.get("length", 100), document.get("seed", 0)
    if not isinstance(text, str) or not 1 <= len(text) <= MOST_CHARACTERS:
        raise BadRequest(f"'text' must be a text of 1 to {MOST_CHARACTERS} characters")
    if not isinstance(length, int) or not 0 <= length <= MOST_CHARACTERS:
        raise BadRequest(f"'length' must be a whole number from 0 to {MOST_CHARACTERS}")
    if not isinstance(seed, int) or seed < 0:
        raise BadRequest("'seed' must be a whole number from 0")
    return {"text": run.continue_text(text, length, seed=seed)}


def _columns(rows: Sequence[object], inputs: TableInputs) -> dict[str, list[object]]:
    """Rows as columns, each cell a text, a number, true, false or null."""
    names = [column.name for column in inputs.columns]
    columns: dict[str, list[object]] = {name: [] for name in names}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise BadRequest(f"row {number} must be an object with the columns {', '.join(names[:8])}")
        for name in names:
            if name not in row:
                raise BadRequest(f"row {number} has no {name!r:.40}; null stands for a missing value")
            if not isinstance(row[name], str | int | float | bool | None):
                raise BadRequest(f"row {number}, {name!r:.40}: a {type(row[name]).__name__} is no cell")
            columns[name].append(row[name])
    return columns


def _array(rows: Sequence[object], inputs: ArrayInputs) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    try:
        array = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise BadRequest(f"each row must be numbers of shape {list(inputs.shape)}") from None
    return array


def _document(body: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the request is no JSON") from None
    if not isinstance(document, dict):
        raise BadRequest("the request must be an object")
    return document


def _example(run: SavedRun) -> object:
    """A request that could be sent."""
    assert run.preparation is not None
    inputs = run.preparation.inputs
    if isinstance(inputs, TextInputs):
        return {"text": inputs.alphabet[-1:], "length": 100}
    if isinstance(inputs, TableInputs):
        return {"rows": [{c.name: getattr(c, "categories", (None,))[0] for c in inputs.columns}]}
    return {"rows": f"lists of numbers of shape {list(inputs.shape)}"}
