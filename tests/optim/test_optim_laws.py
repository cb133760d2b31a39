"""The law kit: lawless optimizers are refused with the law and a counter-example, lawful ones never."""

from __future__ import annotations

import re
from typing import cast

import numpy as np
import pytest

from minigrad.optim import PluginError, available, examine, load
from minigrad.optim.laws import CORE, keeps_law
from minigrad.optim.laws.landscape import landscape
from minigrad.optim.runner import UpdateRule
from support import optim_lawless_claims, optim_lawless_conduct, optim_lawless_memory
from support.optim_lawful import Descent, Rolling

LAWLESS = [*optim_lawless_memory.LAWLESS, *optim_lawless_conduct.LAWLESS, *optim_lawless_claims.LAWLESS]


@pytest.mark.parametrize(("law", "cls"), LAWLESS, ids=lambda v: v if isinstance(v, str) else v.__name__)
def test_lawless_optimizers_are_refused(law: str, cls: type) -> None:
    rule = cast("type[UpdateRule]", cls)
    report = examine(rule)
    assert [o.law for o in report.broken] == [law], str(report)
    detail = report.broken[0].detail
    assert len(detail) > 20, detail
    if law != "C14":
        assert re.search(r"\d", detail), detail  # the counter-example has numbers in it


def test_there_are_enough_of_them() -> None:
    assert len(LAWLESS) >= 30
    assert {law for law, _ in LAWLESS} >= {f"D{i}" for i in range(1, 11)}


@pytest.mark.parametrize("name", sorted(available()))
def test_installed_optimizers_keep_their_laws(name: str) -> None:
    for seed in (1, 2):
        report = examine(load(name), seed=seed)
        assert report.broken == (), str(report)


@pytest.mark.parametrize("cls", [Descent, Rolling])
def test_lawful_examples_are_accepted(cls: type) -> None:
    report = examine(cast("type[UpdateRule]", cls), everything=True)
    assert report.broken == ()
    assert {"translation", "negation", "elementwise"} <= set(report.hints)
    assert "could be claimed" in str(report)


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(available()))
def test_no_false_refusal_over_two_hundred_seeds(name: str) -> None:
    refused = [seed for seed in range(200) if examine(load(name), seed=seed).broken]
    assert refused == []


def test_claims_are_complete_for_the_classic_rules() -> None:
    """Whatever holds is claimed, so that nothing that could be built upon is lost."""
    for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"):
        assert examine(load(name), everything=True).hints == (), name


def test_reports_name_what_ran_and_what_was_skipped() -> None:
    report = examine(load("newton"))
    keys = [o.law for o in report.outcomes]
    assert set(CORE) <= set(keys)
    assert {o.law: o.detail for o in report.outcomes if o.verdict == "skipped"} == {"C6": "it has no field lr"}
    assert re.search(r"newton|Newton", report.plugin)
    assert re.search(r"\d+ held, 0 broken, 1 skipped", str(report))


def test_unknown_laws_are_refused_with_the_nearest() -> None:
    class Wishful(Descent):
        laws = frozenset({"elementwize"})

    with pytest.raises(PluginError, match=r"unknown law 'elementwize'\. Did you mean 'elementwise'"):
        examine(cast("type[UpdateRule]", Wishful))


def test_laws_can_be_asked_of_a_configured_rule() -> None:
    assert keeps_law(load("adam")(), "constant-step")
    assert not keeps_law(load("adam")(bias_correction=False), "constant-step")
    assert keeps_law(load("adam")(amsgrad=True), "elementwise")
    assert not keeps_law(load("nesterov")(form="lookahead"), "elementwise")


def test_counter_examples_are_as_small_as_possible() -> None:
    broken = {cls.__name__: examine(cast("type[UpdateRule]", cls)).broken[0].detail for _, cls in LAWLESS}
    assert "with 1 parameter," in broken["PlainYetClaimsScaleInvariance"]
    assert "with 2 parameters," in broken["NormalisesYetClaimsElementwise"]
    assert "after step 3" in broken["CorrectsAllHistoryByTodaysBeta"]


def test_the_landscape_has_the_derivatives_it_says() -> None:
    f = landscape(5, 3).mapped(np.diag([1.0, 2.0, 0.5, 1.0, 3.0]), np.full(5, 0.1)).scaled(2.0)
    w, h = np.linspace(-1, 1, 5), 1e-5
    for i in range(5):
        e = h * np.eye(5)[i]
        assert f.grad(w)[i] == pytest.approx((f.value(w + e) - f.value(w - e)) / (2 * h), rel=1e-7)
        np.testing.assert_allclose(f.hessian(w)[i], (f.grad(w + e) - f.grad(w - e)) / (2 * h), rtol=1e-7, atol=1e-7)
