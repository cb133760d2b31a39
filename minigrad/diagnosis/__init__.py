"""What is wrong with a training run, in words.

Findings come with their evidence; the first is the one to mend.

>>> from minigrad import diagnosis
>>> loss = diagnosis.watch(loss, model, optimizer, (x, y, x_val, y_val))     # one line, before a loop of your own
>>> print(loss.diagnose())                                                   # and after it
"""

from minigrad import lazy
from minigrad.diagnosis.catalog import Catalog, RuleError, rules
from minigrad.diagnosis.doctor import Doctor
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding
from minigrad.diagnosis.rule import Rule
from minigrad.diagnosis.verdict import Diagnosis, diagnose
from minigrad.diagnosis.watch import Watch, watch

__all__ = [
    "Catalog",
    "Diagnosis",
    "Doctor",
    "Evidence",
    "Finding",
    "Rule",
    "RuleError",
    "Watch",
    "diagnose",
    "rules",
    "watch",
]

__getattr__ = lazy.renamed(__name__, {"judge": "diagnose"})
