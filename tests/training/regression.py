"""Fits a logistic regression by Newton's method, as Bishop's "Pattern Recognition", section 4.3.3, has it."""

import numpy as np
from numpy.typing import NDArray

PENALTY = 1.0  # of the squared weights of standardized features: half a normal prior of that precision
STEPS = 60

Numbers = NDArray[np.float64]


def fit(features: Numbers, labels: Numbers, weights: Numbers) -> tuple[Numbers, float]:
    """Returns the weight of each feature and the constant.

    ``features`` is float64 ``(n, n_features)``; ``labels``, 0 or 1, and ``weights``, how much each row counts, are
    ``(n,)``.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-9
    rows = np.hstack([(features - mean) / deviation, np.ones((len(features), 1))])
    penalty = PENALTY * np.eye(rows.shape[1])
    penalty[-1, -1] = 0.0
    found = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        likely = 1 / (1 + np.exp(-rows @ found))
        gradient = rows.T @ (weights * (likely - labels)) + penalty @ found
        curvature = (rows * (weights * likely * (1 - likely))[:, None]).T @ rows + penalty
        step = np.linalg.solve(curvature, gradient)
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    own = found[:-1] / deviation
    return own, float(found[-1] - own @ mean)
