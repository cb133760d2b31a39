"""`minigrad doctor script.py` and `minigrad explain CODE`."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path

import attrs
import numpy as np

from minigrad import data
from minigrad.cli.exit_codes import CHECK_FAILED
from minigrad.cli.output import wrapped, write_json
from minigrad.data import DataValueError
from minigrad.diagnosis import Catalog, Diagnosis, Doctor, Evidence, Finding, diagnose, rules
from minigrad.diagnosis.benchmark_results import measured_of
from minigrad.diagnosis.catalog import thresholds_of
from minigrad.diagnosis.data_stats import data_facts
from minigrad.diagnosis.rule import Rule
from minigrad.text import clip_middle, table
from minigrad.train import Console, TrainError
from minigrad.train.errors import NonFiniteError, NonFiniteLoss
from minigrad.train.script.script import ScriptError, Settings, load_script

__all__ = ["addressed", "chosen_rules", "doctor", "explain", "said"]


def doctor(arguments: Namespace) -> int:
    """Train what a script defines, or look at data alone, and say what is wrong.

    Returns 0, or with --strict 3 for a FAULT.
    """
    if (arguments.script is None) == (arguments.data is None):
        arguments.parser.error("give a script, or --data with a data set: minigrad doctor script.py")
    diagnosis = (_diagnosed if arguments.data is None else _diagnosed_data)(arguments, chosen_rules(arguments))
    if arguments.json:
        write_json({"command": "doctor", "script": arguments.script, "data": arguments.data, **diagnosis.as_document()})
    else:
        print(wrapped(said(diagnosis)))
    return CHECK_FAILED if arguments.strict and not diagnosis.healthy else 0


def _diagnosed(arguments: Namespace, catalog: Catalog) -> Diagnosis:
    try:
        script = load_script(Path(arguments.script))
    except ScriptError as error:
        cause = error.__cause__
        if not isinstance(cause, DataValueError):
            raise
        return Diagnosis((Finding("FAULT", "BAD_DATA", str(arguments.script), {}, str(cause), ()),))
    changed: Settings = {} if arguments.epochs is None else {"epochs": arguments.epochs}
    if arguments.hyperparameters:
        changed["hyperparameters"] = {**script.settings.get("hyperparameters", {}), **arguments.hyperparameters}
    watching = Doctor(catalog)
    console = [] if arguments.json else [Console()]
    try:
        script.fit(changed, callbacks=[watching, *console], quiet=True)
    except (NonFiniteError, NonFiniteLoss) as error:
        told = clip_middle(" ".join(str(error).split()), 250)
        print(wrapped(f"minigrad: {type(error).__name__}: {told}", sys.stderr), file=sys.stderr)
    if watching.diagnosis is None:
        raise TrainError(f"{arguments.script}: the run ended before it began")
    return addressed(watching.diagnosis, shlex.quote(arguments.script))


def _diagnosed_data(arguments: Namespace, catalog: Catalog) -> Diagnosis:
    """What the rules of the family "data" say of rows that no model has seen."""
    rows = data.load(
        arguments.data, target=arguments.target, task=arguments.task, weights=arguments.weights, size=arguments.size
    )
    if rows.preparation is not None:  # of a table: as a model would take them
        rows = rows.scaled()
    arrays = (rows.x_train, rows.y_train, rows.x_val, rows.y_val)
    if rows.kind != "text":  # pixels are numbers, whatever they are stored as
        arrays = (rows.x_train.astype(np.float64), rows.y_train, rows.x_val.astype(np.float64), rows.y_val)
    own = Catalog(tuple(pair for pair in catalog if pair[1].family == "data"), catalog.broken)
    return attrs.evolve(diagnose(Evidence(data=data_facts(*arrays)), own), summary=())


def chosen_rules(arguments: Namespace) -> Catalog:
    """All rules less those of --without, with the thresholds of --set.

    Raises:
        RuleError: a rule or threshold does not exist.
    """
    return rules().without(*arguments.without).tuned(dict(arguments.set))


_AS_OPTIONS = (
    ("patience=5", "--patience 5"),
    ("nn.L2(1e-3)", "--l2 1e-3"),
    ("nn.Dropout(0.3)", "--dropout 0.3"),
    ("clip=1.0", "--clip 1"),
    ("schedule='cosine'", "--schedule cosine"),
    ("accumulate=16", "--accumulate 16"),
)
"""An argument of `fit` in advice, and the option of `minigrad train` for it."""


def addressed(diagnosis: Diagnosis, subject: str, *, options: bool = False) -> Diagnosis:
    """The diagnosis with advice about this script or run, as it can be typed.

    Args:
        diagnosis: of the run.
        subject: what commands call it.
        options: whether it was trained by options, in the place of a script.
    """

    def named(finding: Finding) -> Finding:
        words = (("script.py", subject), *(_AS_OPTIONS if options else ()))
        advice = []
        for text in finding.advice:
            for old, new in words:
                text = text.replace(old, new)
            advice.append(text)
        return attrs.evolve(finding, advice=tuple(advice))

    effects = tuple((named(finding), cause) for finding, cause in diagnosis.effects)
    return attrs.evolve(diagnosis, findings=tuple(map(named, diagnosis.findings)), effects=effects)


def said(diagnosis: Diagnosis) -> str:
    """The diagnosis as lines, with the way to more about its first finding."""
    more = [f"more: minigrad explain {diagnosis.findings[0].code}"] if diagnosis.findings else []
    return "\n".join([str(diagnosis), *more])


def explain(arguments: Namespace) -> int:
    """Say all about one rule, or list all of them."""
    catalog = rules()
    if arguments.code is None:
        return _listed(catalog, arguments.json)
    origin, rule = catalog.find(arguments.code)
    if arguments.json:
        write_json({"command": "explain", **_document(origin, rule)})
        return 0
    values, lines = thresholds_of(rule), [f"{rule.code}: {rule.title} ({rule.family}; {origin})", ""]
    lines += [(type(rule).__doc__ or "").strip(), "", f"source     {rule.source}"]
    lines.append(f"measured   {measured_of(rule.code)}")
    if values:
        first = next(iter(values))
        lines.append(f"thresholds {', '.join(f'{name} {value:g}' for name, value in values.items())}")
        lines.append(
            f"           change one: --set {rule.code}.{first}={values[first]:g}; leave it out: --without {rule.code}"
        )
    if rule.effects:
        lines.append(f"explains   {', '.join(sorted(rule.effects))}")
    print(wrapped("\n".join(lines)))
    return 0


def _document(origin: str, rule: Rule) -> dict[str, object]:
    return {
        "code": rule.code,
        "family": rule.family,
        "title": rule.title,
        "source": rule.source,
        "origin": origin,
        "measured": measured_of(rule.code),
        "thresholds": thresholds_of(rule),
        "explains": sorted(rule.effects),
    }


def _listed(catalog: Catalog, as_json: bool) -> int:
    if as_json:
        document = [_document(origin, rule) for origin, rule in catalog]
        write_json({"command": "explain", "rules": document, "broken": list(catalog.broken)})
        return 0
    rows = [(rule.code, rule.family, rule.title, origin) for origin, rule in catalog]
    print(wrapped("\n".join(table(("code", "family", "mistake", "offered by"), rows))))
    for text in catalog.broken:
        print(f"left out: {text}", file=sys.stderr)
    return 0
