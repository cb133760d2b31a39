"""`minigrad train`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from minigrad.checkpoint import Checkpoint, Json
from minigrad.cli.resuming.options import as_command, restore_options, saved_run
from minigrad.cli.run_command import Job, run_job
from minigrad.data import Dataset
from minigrad.parallel import Communicator
from minigrad.train import Callback, History
from minigrad.train.setup import Setup, SetupOptions

__all__ = ["train"]


def train(arguments: Namespace) -> int:
    """Train as asked, print (or, with --json, hand over) what happened, and save it.

    Returns the exit code.
    """
    saved = saved_run(arguments, "train")
    if saved is not None:
        arguments = restore_options(arguments, saved)
    setup = Setup(SetupOptions.from_mapping(vars(arguments)))
    setup.try_options()

    def run(callbacks: Sequence[Callback], saved: Checkpoint | None, link: Communicator) -> History:
        return setup.fit(
            callbacks=callbacks, checks=not arguments.no_checks, resume=saved, eager=arguments.eager, quiet=True,
            communicator=link,
        )  # fmt: skip

    recipe: dict[str, Json] = setup.architecture.as_dict()  # type: ignore[assignment]  # of numbers, words and lists
    loaded = setup.loaded
    return run_job(
        Job("train", loaded.name, headline(loaded), as_command(arguments), run, model=recipe), arguments, saved
    )


def headline(loaded: Dataset) -> str:
    """The data, and of a table what happens to each column."""
    if loaded.preparation is None:
        return loaded.summary()
    lines = loaded.preparation.describe()
    return "\n".join([loaded.summary(), *(f"{'columns' if k == 0 else '':<10} {x}" for k, x in enumerate(lines))])
