"""The law kit for authors of optimizers.

The checks that minigrad makes at load, as pytest cases.
    from minigrad.optim.testing import parametrize_with_laws

    @parametrize_with_laws(Lion)
    def test_lion_keeps_its_laws(law):
        law()

An installed optimizer can be checked without writing anything: `pytest --minigrad-optimizer lion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import attrs
import pytest

from minigrad.optim.laws import Outcome, check_law, laws_of
from minigrad.optim.loading import conform
from minigrad.optim.runner import UpdateRule

__all__ = ["Law", "laws_of_class", "parametrize_with_laws"]


@attrs.frozen
class Law:
    """One law, one optimizer, one seed.

    Call it: it passes, skips with a reason, or fails with a counter-example.
    """

    cls: type[UpdateRule]
    key: str
    seed: int = 0

    @property
    def name(self) -> str:
        """Such as `Lion-C4-seed0`."""
        return f"{self.cls.__name__}-{self.key}-seed{self.seed}"

    def __call__(self) -> None:
        outcome = self.outcome()
        if outcome.verdict == "skipped":
            pytest.skip(f"{outcome.law} ({outcome.title}): {outcome.detail}")
        if outcome.verdict == "broken":
            pytest.fail(f"{self.cls.__name__} breaks {outcome.law} ({outcome.title}): {outcome.detail}", pytrace=False)

    def outcome(self) -> Outcome:
        """The verdict, as data."""
        return check_law(self.cls, self.key, self.cls.__name__, seed=self.seed)


def laws_of_class(candidate: type, seeds: Iterable[int] = (0,)) -> list[Law]:
    """All laws that an optimizer class has to keep, for each seed.

    Raises:
        PluginError: it is no optimizer class.
    """
    cls = conform(candidate, candidate.__name__)
    return [Law(cls, key, seed) for seed in seeds for key in laws_of(cls)]


def parametrize_with_laws(
    *classes: type, seeds: Iterable[int] = (0, 1, 2)
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test for each law of each class and seed; it has to call its argument `law`.

    Raises:
        PluginError: the test module is imported, if a class does not fit the contract at all.
    """
    chosen = tuple(seeds)
    cases = [law for candidate in classes for law in laws_of_class(candidate, chosen)]
    mark = pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in cases])
    return cast("Callable[[Callable[..., None]], Callable[..., None]]", mark)
