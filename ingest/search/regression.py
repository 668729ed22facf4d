"""Reads the logistic regressions that ``make train`` writes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Regression:
    """The weight of each feature, float64 ``(n_features,)`` in the order asked for, and the constant."""

    weights: Numbers
    constant: float


@cache
def read_regression(path: Path, features: Sequence[str], part: str = "") -> Regression:
    """Returns the regression in a JSON file, or the ``part`` of it with that name.

    Raises :class:`KeyError` for a feature that the file has no weight for.
    """
    stored = json.loads(path.read_text(encoding="utf-8"))
    own = stored[part] if part else stored
    return Regression(np.array([float(own["weights"][name]) for name in features]), float(own["constant"]))
