"""A linear support vector machine for each class, over columns weighed by how they tell it apart.

Counted: every column is first multiplied by its log-count ratio in the class against the rest, as
in Wang and Manning, "Baselines and Bigrams" (ACL 2012). Few and noisy rows are learned better so.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import diags
from sklearn.svm import LinearSVC

from router.learned import Array


@dataclass(frozen=True, slots=True)
class Linear:
    """The weights: [columns, classes], [classes]."""

    coefficients: Array
    intercept: Array

    def logits(self, rows: Any) -> Array:
        """Return [rows, classes] for a sparse matrix."""
        logits: Array = np.asarray(rows @ self.coefficients + self.intercept, np.float32)
        return logits


def teach(rows: Any, labels: Any, classes: int, *, stiffness: float, counted: bool) -> Linear:
    """Fit to a sparse float32 matrix (csr) and its class numbers; ``stiffness`` is the SVM's C."""
    columns, intercepts = [], []
    there = (rows > 0).astype(np.float32)
    for number in range(classes):
        its = labels == number
        weighed = _ratios(there, its) if counted else np.ones(rows.shape[1], np.float32)
        machine = LinearSVC(C=stiffness, random_state=0).fit(rows @ diags(weighed), its)
        columns.append(machine.coef_[0] * weighed)
        intercepts.append(machine.intercept_[0])
    return Linear(np.stack(columns, axis=1).astype(np.float32), np.array(intercepts, np.float32))


def _ratios(there: Any, its: Any) -> Array:
    """Return, by column, how much more often it occurs in a class than in the rest, as a log.

    ``there`` has a 1 where a row has a column.
    """
    inside = np.asarray(there[its].sum(axis=0)).ravel() + 1
    outside = np.asarray(there[~its].sum(axis=0)).ravel() + 1
    ratios: Array = np.log(inside / inside.sum() * (outside.sum() / outside)).astype(np.float32)
    return ratios
