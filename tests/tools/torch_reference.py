"""PyTorch's numbers for the op catalog; run with an interpreter that has PyTorch, NumPy, SciPy and attrs.

PYTHONPATH=.:tests python tests/tools/torch_reference.py write            # tests/data/torch_ops.npz
PYTHONPATH=.:tests python tests/tools/torch_reference.py compare 2000     # so many new calls of each entry
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from support.ops_draw import recorded_codes
from support.ops_record import CALLS, RECORD, Question, catalog, disagreement, ours, theirs


def write() -> None:
    """Record PyTorch's answers to the fixed calls."""
    entries = [e for e in catalog() if e.pytorch is not None]
    answers = np.empty((len(entries), CALLS, 3))
    prints = np.empty((len(entries), CALLS), dtype=np.float32)
    for i, entry in enumerate(entries):
        for k, code in enumerate(recorded_codes(entry.name, CALLS)):
            question = Question.of(entry, code)
            answers[i, k] = [number for number, _ in theirs(torch, question)]
            prints[i, k] = question.fingerprint()
    names = np.array([e.name for e in entries])
    np.savez_compressed(RECORD, names=names, answers=answers, prints=prints, version=np.array(torch.__version__))
    print(f"{len(entries)} entries, {RECORD.stat().st_size / 1e6:.2f} MB, PyTorch {torch.__version__}")


def compare(count: int) -> int:
    """Compare minigrad with PyTorch on `count` calls of each entry; the number of entries that disagree."""
    wrong = 0
    entries = [e for e in catalog() if e.pytorch is not None]
    for entry in entries:
        questions = [Question.of(entry, code) for code in recorded_codes(f"{entry.name}, compared", count)]
        found = [disagreement(ours(q), [number for number, _ in theirs(torch, q)]) for q in questions]
        faults = [(q, f) for q, f in zip(questions, found, strict=True) if f]
        if faults:
            wrong += 1
            print(f"{entry.name}: {len(faults)} of {count}, first {faults[0][1]} at {faults[0][0].call}", flush=True)
    print(f"{len(entries)} entries, {count} calls each: {wrong} entries disagree")
    return wrong


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "write":
        write()
    else:
        sys.exit(compare(int(sys.argv[2])) > 0)
