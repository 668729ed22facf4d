"""What a cosine is worth does not depend on the embedding model's habits."""

import numpy as np
import pytest

from ingest.index.closeness import standardize

COSINES, OTHERS = np.array([0.1, 0.4, 0.7], np.float32), np.linspace(-0.2, 0.3, 200, dtype=np.float32)


@pytest.mark.parametrize(("shift", "stretch"), [(0.5, 0.5), (-0.1, 1.0), (0.3, 0.2)])
def test_a_model_whose_cosines_lie_elsewhere_gives_the_same(shift: float, stretch: float) -> None:
    moved = standardize(shift + stretch * COSINES, shift + stretch * OTHERS)
    assert moved == pytest.approx(standardize(COSINES, OTHERS), abs=1e-3)


def test_where_all_others_are_alike_it_stays_finite() -> None:
    assert np.isfinite(standardize(COSINES, np.full(3, 0.2, np.float32))).all()
