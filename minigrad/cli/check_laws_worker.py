"""The process in which `minigrad optimizers check` imports and examines a plugin.

The plugin may hang, crash or make noise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

__all__ = ["main"]

_MEMORY, _FILE = 8 << 30, 64 << 20


def main(argv: Sequence[str]) -> None:
    """Examine the optimizer `argv[0]` and write the results, as JSON, to the file `argv[1]`.

    With a third argument write no more than the digest of a short run.
    """
    name, path, *digest = argv
    _limit()
    document = _digest(name) if digest else _examined(name)
    part = Path(f"{path}.part")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(path)


def _examined(name: str) -> dict[str, object]:
    from minigrad.optim.errors import OptimizerError, PluginError
    from minigrad.optim.laws import examine
    from minigrad.optim.loading import inspected

    try:
        cls = inspected(name)
        report = examine(cls, name, everything=True)
    except PluginError as error:
        return {"reason": error.reason}
    except OptimizerError as error:
        return {"reason": str(error)}
    return {
        "reason": "; ".join(f"it breaks law {o.law} ({o.title})" for o in report.broken),
        "seconds": report.seconds,
        "laws": [attrs.asdict(o) for o in report.outcomes],
        "could_claim": list(report.hints),
    }


def _digest(name: str) -> dict[str, object]:
    from minigrad.optim.laws import fingerprint
    from minigrad.optim.loading import inspected

    return {"digest": fingerprint(inspected(name))}


def _limit() -> None:
    """Limit memory and output of this process.

    A plugin that wants all the memory there is, or never stops printing, gets an error and not the machine.
    """
    try:
        import resource
    except ImportError:  # not on this system
        return
    for kind, most in ((resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_FSIZE, _FILE)):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main(sys.argv[1:])
