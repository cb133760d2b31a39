"""Command lines as strangers type them: most are valid, the others wrong in one place, on files good and damaged."""

from __future__ import annotations

import argparse
import random
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from minigrad.cli.parser import build_parser
from support.cli_stranger_files import script_text
from support.cli_stranger_words import (
    COMMANDS,
    DATA,
    FIELDS,
    FITTING,
    JUNK,
    LARGE,
    NEVER,
    PLACES,
    QUICK,
    SETUP,
    TAILS,
    VALUES,
)
from support.run_damage import damaged_bytes

__all__ = ["Draw"]


class Draw:
    """Draws command lines, and the scripts and damaged copies that they name."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.made = 0

    def line(self) -> list[str]:
        """One command line; what it names is in the current folder."""
        rng = self.rng
        name = rng.choice(COMMANDS)
        if name == "optimizers":
            return [name, *rng.choice(([], [], ["--json"], ["check"], ["check", "nope"]))]
        if name == "docs":
            return [name, rng.choice(("--op", "--picture")), rng.choice(("exp", "nope", "paths-valley", "x" * 400))]
        places = [a for a in _actions(name) if not a.option_strings]
        options = {a.dest: a for a in _actions(name) if a.option_strings and a.dest not in NEVER}
        given = {
            dest: self.value(options[dest])
            for dest in rng.sample(sorted(options), min(len(options), rng.choice((0, 1, 1, 2, 2, 3, 5))))
        }
        is_own = name == "train" or ("data" in options and rng.random() < 0.6)
        if is_own and ("resume" not in given or rng.random() < 0.1):
            given.update(self.rows(options))
        if rng.random() < 0.9:  # what only means something beside something else
            for dest in ("data", "target", "weights", "size", "task") if not is_own else ():
                given.pop(dest, None)
            for dest in SETUP if not is_own or "resume" in given else ():
                given.pop(dest, None)
        given.update(
            {
                dest: value
                for dest, value in QUICK.items()
                if dest in options and dest not in given
                if dest not in SETUP or name == "run" or (is_own and ("resume" not in given or dest == "epochs"))
            }
        )
        words = [name]
        for action in places:
            if action.dest == "script" and (is_own or "example" in given or "resume" in given) and rng.random() < 0.97:
                continue
            if action.nargs != "?" or rng.random() < 0.9:
                words.append(self.value(action))
        if name in ("predict", "evaluate") and rng.random() < 0.6:
            words = [name, *self.fitting()]
        for dest, value in given.items():
            words += [options[dest].option_strings[-1], *([] if options[dest].nargs == 0 else [value])]
        if rng.random() < 0.04:
            words.insert(rng.randrange(len(words) + 1), rng.choice(JUNK))
        if rng.random() < 0.03:
            words.pop(rng.randrange(len(words)))
        return words

    def rows(self, options: Mapping[str, argparse.Action]) -> dict[str, str]:
        """Data and what they need besides, or something like it."""
        rng = self.rng
        source = rng.choice(DATA)
        chosen = {
            "data": self.damaged(Path(source))
            if Path(source).exists() and source not in LARGE and rng.random() < 0.3
            else source
        }
        if (source.endswith((".csv", ".tsv")) and rng.random() < 0.9) or rng.random() < 0.05:
            chosen["target"] = self.value(options["target"])
        return chosen

    def fitting(self) -> list[str]:
        """A run, and rows that it takes; either may be damaged."""
        rng = self.rng
        run, *files = rng.choice(FITTING)
        pair = [f"runs/{run}", rng.choice(files)]
        if rng.random() < 0.5:
            k = rng.randrange(2)
            pair[k] = self.damaged(Path(pair[k])) if Path(pair[k]).exists() else pair[k]
        return pair

    def value(self, action: argparse.Action) -> str:
        """A value of an option or argument: mostly one that fits."""
        rng = self.rng
        if rng.random() < 0.04:
            return rng.choice(JUNK)
        if action.choices:
            return str(rng.choice([*action.choices, *action.choices, "nope"]))
        known = VALUES.get(action.dest, ()) if action.option_strings else PLACES.get(action.dest, ())
        value = rng.choice(known or JUNK) if rng.random() < 0.6 or not known else known[0]
        if action.dest in ("run", "resume") and value.startswith("runs/0") and rng.random() < 0.4:
            return self.damaged(Path(value))
        if action.dest == "script" and rng.random() < 0.5:
            return self.script()
        if action.dest in ("data", "file") and Path(value).exists() and value not in LARGE and rng.random() < 0.3:
            return self.damaged(Path(value))
        return value

    def script(self) -> str:
        """A script that is right, but for a field or two."""
        rng = self.rng
        fields = {name: FIELDS[name][0] for name in ("model", "data", "loss", "epochs")}
        for name in rng.sample(sorted(FIELDS), rng.choice((0, 1, 1, 2, 3))):
            fields[name] = rng.choice(FIELDS[name])
        if rng.random() < 0.1:
            fields.pop(rng.choice(sorted(fields)))
        self.made += 1
        path = Path(f"s{self.made}.py")
        path.write_text(script_text(fields, rng.choice(TAILS) if rng.random() < 0.15 else ""))
        return str(path)

    def damaged(self, path: Path) -> str:
        """A copy of a file or folder in which one file is damaged, gone, or a folder."""
        rng = self.rng
        self.made += 1
        copy = Path("hurt-copies", f"{self.made}{path.suffix}")
        copy.parent.mkdir(exist_ok=True)
        if path.is_file():
            if path.suffix == ".safetensors":
                copy.parent.joinpath(str(self.made)).mkdir()
                copy = copy.parent / str(self.made) / path.name
            shutil.copy(path, copy)
        else:
            shutil.copytree(path, copy, symlinks=True)
        files = sorted(p for p in copy.rglob("*") if p.is_file()) if copy.is_dir() else [copy]
        likely = [p for p in files if p.suffix in (".safetensors", ".json", ".py")] or files
        if not likely:
            return str(copy)
        victim = rng.choice(likely)
        what = rng.randrange(6)
        content = victim.read_bytes()
        if what == 0:
            victim.unlink()
        elif what == 1:
            victim.unlink()
            victim.mkdir()
        elif what == 2:
            victim.write_bytes(rng.choice((b"", b"{}", b"[]", b"null", b"\xff\xfe", b"\0" * 100, b"x" * 5_000)))
        elif content:
            *_, (_, bent) = damaged_bytes(content, rng.randrange(1, 9), rng.randrange(10**6))
            victim.write_bytes(bent)
        return str(copy)


@cache
def _actions(name: str) -> tuple[argparse.Action, ...]:
    for action in build_parser([name])._actions:
        if isinstance(action.choices, dict) and name in action.choices:
            return tuple(action.choices[name]._actions)
    raise AssertionError(name)
