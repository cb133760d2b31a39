"""A run as a model in use: `load(run)` predicts and scores rows as people have them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core import Tensor
from minigrad.core.errors import MinigradError
from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.preparation import Preparation, Rows, TableInputs
from minigrad.data.prepare.table import Table
from minigrad.data.prepare.targets import ClassTarget, LabelTarget, NumberTarget, Target
from minigrad.data.prepare.text import TextInputs
from minigrad.nn import Module
from minigrad.nn.errors import StateMismatch
from minigrad.text import describe_error
from minigrad.train.architectures import Architecture
from minigrad.train.errors import TrainError
from minigrad.train.evaluation import EVAL_BATCH_SIZE, eval_mode, probabilities_of, shares_of
from minigrad.train.output.model_file import MODEL_FILE, about_file, digest_of, read_model
from minigrad.train.output.origin import refuse_foreign
from minigrad.train.script.script import load_script
from minigrad.train.use.given_targets import as_answers, as_labels, as_numbers, as_targets
from minigrad.train.use.labelled_rows import labelled_rows
from minigrad.train.use.scores import ClassCounts, LabelCounts, NumberSums

__all__ = ["SavedRun", "load"]

_CHUNK = 16 * EVAL_BATCH_SIZE


@attrs.frozen(eq=False)
class SavedRun:
    """A trained model with everything that it needs to be used.

    Attributes:
        path: the run's folder, or the file it was read from.
        model: with the weights of the best epoch, in evaluation mode.
        preparation: how rows become inputs, and what outputs mean; None where the run was given plain arrays.
        about: what else was saved: `epoch`, `chosen_by`, `loss`, `data`, `versions`.
    """

    path: Path
    model: Module
    preparation: Preparation | None
    about: Mapping[str, object]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; empty for regression, and where they are not known."""
        target = None if self.preparation is None else self.preparation.target
        return target.classes if isinstance(target, ClassTarget) else ()

    def outputs(self, rows: Rows) -> Array:
        """What the model gives for each row, before anything is read into it."""
        return np.concatenate([outputs for outputs, _ in self.chunks(rows)])

    def predict(self, rows: Rows) -> Array | NDArray[np.str_]:
        """Predict names of classes, or numbers in the units of the targets.

        Where no preparation was saved, these are the outputs of the model.

        Args:
            rows: for a table a path, a data frame or name -> cells; for arrays and pictures those before `scaled`.

        Raises:
            DataError: rows of another kind or shape, a missing column, an unknown category; names row and column.
        """
        if self.preparation is None:
            return self.outputs(rows)
        target = self.preparation.target
        return np.concatenate([target.decode(outputs) for outputs, _ in self.chunks(rows)])

    def predict_proba(self, rows: Rows) -> Array:
        """The probability of each class `(N, classes)`, or of yes for each label.

        Raises:
            TrainError: the model predicts numbers.
        """
        if self.preparation is not None and isinstance(self.preparation.target, LabelTarget):
            return np.concatenate([shares_of(outputs) for outputs, _ in self.chunks(rows)])
        if self.preparation is not None and not self.class_names:
            raise TrainError(f"{self.path}: the model predicts numbers, which have no probabilities")
        return np.concatenate([probabilities_of(outputs) for outputs, _ in self.chunks(rows)])

    def evaluate(self, rows: Rows, targets: Sequence[object] | NDArray[np.generic] | None = None) -> dict[str, float]:
        """How good the predictions for `rows` are.

        Args:
            rows: as for `predict`; a table holds the targets too, and so do a folder of pictures by class and an
                `.npz`. The name of a data set stands for its validation rows.
            targets: names or numbers of classes, or numbers in their own units, for rows that have none beside them.

        Returns:
            rows, accuracy, balanced_accuracy, f1, log_loss, of two classes auc, of text perplexity; of labels rows,
            accuracy, exact_match, f1, log_loss; of numbers rows, rmse, mae, r2.

        Raises:
            TrainError: no targets were given, not one for each row, or the run says nothing about them.
            DataError: as for `predict`, and a target that is unknown.
        """
        if self.preparation is None:
            raise TrainError(f"{self.path}: the run was given plain arrays: use train.evaluate(run.model, rows, loss)")
        target, inputs = self.preparation.target, self.preparation.inputs
        if isinstance(inputs, TextInputs):
            return self._evaluate_text(inputs, rows)
        if targets is None and not isinstance(inputs, TableInputs):
            rows, targets = labelled_rows(rows, self.preparation)
        counts, start = _counts(target), 0
        given = None if targets is None else as_targets(target, targets)
        for outputs, table in self.chunks(rows):
            part = None if given is None else given[start : start + len(outputs)]
            start += len(outputs)
            if not len(outputs):
                continue
            if isinstance(target, ClassTarget) and isinstance(counts, ClassCounts):
                counts.add(probabilities_of(outputs), as_labels(target, part, table))
            elif isinstance(target, NumberTarget) and isinstance(counts, NumberSums):
                counts.add(target.decode(outputs), as_numbers(target, part, table))
            elif isinstance(target, LabelTarget) and isinstance(counts, LabelCounts):
                counts.add(outputs, as_answers(target, part, table))
        if given is not None and start != len(given):
            raise TrainError(f"{start} rows and {len(given)} targets: give one for each row")
        if not start:
            raise TrainError(f"{self.path}: there are no rows to score")
        return counts.figures()

    def _evaluate_text(self, inputs: TextInputs, path: object) -> dict[str, float]:
        """How well each next character of a file is predicted."""
        if not isinstance(path, str | os.PathLike):
            raise TrainError(f"{self.path}: the model was trained on text: give the path of a file")
        counts = ClassCounts(tuple(inputs.alphabet))
        with eval_mode(self.model):
            for x, y in inputs.windows(path, EVAL_BATCH_SIZE):
                scores = self.model(Tensor(x)).numpy()
                counts.add(probabilities_of(scores.reshape(-1, scores.shape[-1])), y.reshape(-1))
        figures = counts.figures()
        return {**figures, "perplexity": float(np.exp(figures["log_loss"]))}

    def continue_text(self, start: str, length: int = 200, *, temperature: float = 1.0, seed: int = 0) -> str:
        """Go on with a text, character by character, as the model expects it.

        Args:
            start: at least one character.
            length: characters to add.
            temperature: below 1 for the likely, towards 0 always the likeliest.
            seed: of what is drawn.

        Raises:
            TrainError: the model was not trained on text, or the start is empty.
            DataError: the start holds a character that was not trained on.
        """
        inputs = None if self.preparation is None else self.preparation.inputs
        if not isinstance(inputs, TextInputs):
            raise TrainError(f"{self.path}: the model was not trained on text")
        if not start or length < 0 or not temperature >= 0.0:
            raise TrainError("give a start of one character or more, a length and a temperature of 0 or more")
        numbers, rng = inputs.encode(start).tolist(), np.random.default_rng(seed)
        with eval_mode(self.model):
            for _ in range(length):
                scores = self.model(Tensor(np.array([numbers[-inputs.window :]]))).numpy()[0, -1].astype(np.float64)
                if temperature < 1e-6:
                    numbers.append(int(scores.argmax()))
                    continue
                shares = probabilities_of(scores[None] / temperature)[0]
                numbers.append(min(int(np.searchsorted(np.cumsum(shares), rng.random())), len(shares) - 1))
        return inputs.decode(np.array(numbers))

    def chunks(self, rows: Rows) -> Iterator[tuple[Array, Table | None]]:
        """Compute outputs for a few thousand rows at a time, with the table they came from.

        Raises:
            DataError: as for `predict`.
            TrainError: an output is NaN, which would be taken for an answer; names the row as `predict` does.
        """
        encoded: Iterator[tuple[Array, Table | None]]
        if self.preparation is None:
            if not isinstance(rows, np.ndarray):
                raise TrainError(
                    f"{self.path}: the run was given plain arrays: give such rows, got {type(rows).__name__}"
                )
            encoded = ((np.asarray(rows[k : k + _CHUNK]), None) for k in range(0, max(len(rows), 1), _CHUNK))
        else:
            encoded = self.preparation.chunks(rows, _CHUNK)
        count = 0
        with eval_mode(self.model):
            for x, table in encoded:
                starts = range(0, max(len(x), 1), EVAL_BATCH_SIZE)
                with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                    parts = [self.model(from_array(x[k : k + EVAL_BATCH_SIZE])).numpy() for k in starts]
                outputs = np.concatenate(parts)
                if np.isnan(outputs).any():
                    row = count + int(np.argwhere(np.isnan(outputs))[0][0]) + (table is not None)
                    raise TrainError(f"{self.path}: the model gives NaN for row {row}: its numbers overflow there")
                count += len(outputs)
                yield outputs, table


def load(run: str | os.PathLike[str], *, model: Module | None = None, trust: bool = True) -> SavedRun:
    """The model of a run, ready to be used.

    Predictions are those of the end of training to the last bit, on the same machine with the same libraries, if there
    are as many BLAS threads (OPENBLAS_NUM_THREADS; commands have one, Python usually one for each processor).

    A run of `minigrad run` holds a copy of its script, which is imported to build the model: load only runs of people
    you trust. `best.safetensors` of a run of `minigrad train` needs nothing besides.

    Args:
        run: the folder of a run, or its `best.safetensors`.
        model: takes the weights, where the run does not know how its model was built.
        trust: whether the script of a run may be executed that you did not begin on this machine.

    Raises:
        Untrusted: the run has such a script, and `trust` is False.
        TrainError: there is no such run, its file is damaged or of another minigrad, or a model is needed.
        StateMismatch: `model` is another one than was trained.
    """
    path = Path(run)
    file = path / MODEL_FILE if path.is_dir() else path
    weights, about = read_model(file)
    built = _build(about.get("model"), file.parent, trust) if model is None else model
    recipe = about.get("preparation")
    try:
        preparation = Preparation.from_dict(recipe) if isinstance(recipe, Mapping) else None
    except DataError as error:
        raise about_file(file, str(error)) from None
    built_as = about.get("model")
    outputs = built_as.get("outputs") if isinstance(built_as, Mapping) else None
    if preparation is not None and outputs is not None and outputs != preparation.target.outputs:
        raise about_file(file, f"{outputs} outputs of the model, {preparation.target.outputs} of the target")
    try:
        built.load_state_dict(weights)
    except StateMismatch as error:
        if model is not None:
            raise
        raise about_file(file, str(error)) from None
    known = {name: value for name, value in about.items() if name not in ("model", "preparation")}
    return SavedRun(path, built.eval(), preparation, known)


def _build(recipe: object, folder: Path, trust: bool) -> Module:
    if not isinstance(recipe, Mapping):
        raise about_file(folder, "the run does not say how its model was built: give it by mg.load(run, model=...)")
    try:
        if recipe["kind"] != "script":
            return Architecture.from_dict(recipe).build()
        script, digest = folder / str(Path(str(recipe["file"])).name), str(recipe["sha256"])
    except (KeyError, TypeError, ValueError, OverflowError, MemoryError, MinigradError) as error:
        raise about_file(folder, f"how the model was built cannot be read ({describe_error(error)})") from None
    if not script.exists() or digest_of(script) != digest:
        state = "has changed since" if script.exists() else "is missing"
        raise about_file(script, f"the script that built the model {state}: give the model by mg.load(run, model=...)")
    refuse_foreign(folder, str(script), recipe.get("seal"), text=digest, trusted=trust)
    return load_script(script).model


def _counts(target: Target) -> ClassCounts | NumberSums | LabelCounts:
    if isinstance(target, ClassTarget):
        return ClassCounts(target.classes)
    return LabelCounts(target.outputs) if isinstance(target, LabelTarget) else NumberSums(target.outputs)
