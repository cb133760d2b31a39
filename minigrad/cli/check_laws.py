"""`minigrad optimizers check NAME`: the laws, examined in a process that can be given up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from minigrad.cli.output import write_json
from minigrad.optim.loading import Entry, find

__all__ = ["Law", "Probe", "check_optimizer", "probe"]

_SPEECH = 600
_HASH_SEEDS = ("1", "2", "3")


@attrs.frozen
class Law:
    """The verdict on one law of optimizers.

    It is `held`, `broken` (with a counter-example) or `skipped` (with the reason).
    """

    law: str
    title: str
    verdict: str
    detail: str
    claimed: bool


@attrs.frozen
class Probe:
    """What became of an optimizer in a process of its own.

    Attributes:
        entry: which one.
        reason: why it is refused; empty if it is not.
        laws: the verdicts; none if it did not come so far. Those not `claimed` are hints only.
        could_claim: laws that hold, and that the plugin does not claim.
        seconds: what the examination took, without starting the process.
    """

    entry: Entry
    reason: str
    laws: tuple[Law, ...] = ()
    could_claim: tuple[str, ...] = ()
    seconds: float = 0.0

    def count(self, *verdicts: str) -> int:
        """How many of the laws it has to keep came to one of these verdicts."""
        return sum(law.claimed and law.verdict in verdicts for law in self.laws)


def check_optimizer(arguments: Namespace) -> int:
    """Probe `arguments.name` and print the report. Returns 1 if the optimizer is refused."""
    report = probe(arguments.name, arguments.timeout)
    if arguments.json:
        write_json(_document(report))
    else:
        print(_text(report))
    return 1 if report.reason else 0


def probe(name: str, timeout: float = 60.0) -> Probe:
    """Import and examine an optimizer in another process, killed after `timeout` seconds.

    Whatever the plugin does ends up in `Probe.reason`.

    Raises:
        UnknownOptimizer: there is none of that name.
    """
    entry = find(name)
    with tempfile.TemporaryDirectory(prefix="minigrad-probe-") as folder:
        document = _answer(entry, Path(folder), timeout, ())
        reason, laws = str(document["reason"]), [Law(**law) for law in document.get("laws", [])]
        if not reason and laws:
            laws.append(_same_in_every_process(entry, Path(folder), timeout))
            if laws[-1].verdict == "broken":
                reason = f"it breaks law {laws[-1].law} ({laws[-1].title}): {laws[-1].detail}"
    hints = tuple(document.get("could_claim", []))
    return Probe(entry, reason, tuple(laws), hints, document.get("seconds", 0.0))


def _answer(entry: Entry, folder: Path, timeout: float, more: Sequence[str], hash_seed: str = "") -> dict[str, Any]:
    """What the worker writes, or a document with the reason why it wrote nothing."""
    answer, said = folder / "answer.json", folder / "said.txt"
    answer.unlink(missing_ok=True)
    command = [sys.executable, "-m", "minigrad.cli.check_laws_worker", entry.qualified, str(answer), *more]
    with said.open("wb") as speech:
        ending = _ended(command, speech.fileno(), timeout, hash_seed)
    if ending or not answer.exists():
        return {"reason": (ending or "its process ended without an answer") + _last_words(said)}
    document: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return document


def _same_in_every_process(entry: Entry, folder: Path, timeout: float) -> Law:
    """Whether a short run is the same whatever seed Python's hashes have."""
    title = "the same in every process, whatever the hash seed"
    digests: dict[str, str] = {}
    for seed in _HASH_SEEDS:
        document = _answer(entry, folder, timeout, ["digest"], seed)
        if "digest" not in document:
            return Law("C17", title, "broken", f"with PYTHONHASHSEED={seed} {document['reason']}", True)
        digests.setdefault(document["digest"], seed)
    if len(digests) == 1:
        return Law("C17", title, "held", "", True)
    seeds = " and ".join(list(digests.values())[:2])
    return Law("C17", title, "broken", f"with PYTHONHASHSEED={seeds} the same run ends elsewhere", True)


def _ended(command: Sequence[str], speech: int, timeout: float, hash_seed: str = "") -> str:
    """Run a command to its end, or kill it and what it has started.

    Returns what went wrong, if anything.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=speech,
        stderr=speech,
        start_new_session=os.name == "posix",
        env={**os.environ, "PYTHONHASHSEED": hash_seed} if hash_seed else None,
    )
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        return f"it had not been examined after {timeout:g} seconds, and was stopped"
    finally:
        _kill(process)
    if code < 0:
        return f"it crashed the process: {signal.Signals(-code).name}"
    return f"it ended the process with code {code}" if code else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _last_words(said: Path) -> str:
    size = said.stat().st_size
    with said.open("rb") as file:
        file.seek(max(0, size - _SPEECH))
        lines = file.read().decode("utf-8", "replace").split("\n")
    words = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" (its last words: {words})" if words else ""


def _document(probe: Probe) -> dict[str, object]:
    return {
        "command": "optimizers check",
        **attrs.asdict(probe.entry),
        "verdict": "refused" if probe.reason else "sound",
        "reason": probe.reason,
        "ran": probe.count("held", "broken"),
        "held": probe.count("held"),
        "broken": probe.count("broken"),
        "skipped": probe.count("skipped"),
        "seconds": probe.seconds,
        "laws": [attrs.asdict(law) for law in probe.laws],
        "could_claim": list(probe.could_claim),
    }


def _text(probe: Probe) -> str:
    lines = [f"{'refused' if probe.reason else 'sound':<10} {probe.entry}"]
    if probe.reason:
        lines.append(f"{'reason':<10} {probe.reason}")
    if probe.laws:
        lines.append(
            f"{'laws':<10} {probe.count('held', 'broken')} ran ({probe.count('held')} held, {probe.count('broken')} "
            f"broken), {probe.count('skipped')} skipped, {1e3 * probe.seconds:.0f} ms"
        )
    for law in (law for law in probe.laws if law.claimed):
        detail = f": {law.detail}" if law.detail else ""
        lines.append(f"  {law.law:<4} {law.verdict:<8} {law.title}{detail}")
    if probe.could_claim:
        lines.append(f"{'hint':<10} holds too, and could be claimed: {', '.join(probe.could_claim)}")
    return "\n".join(lines)
