"""What a cosine is worth does not depend on the embedding model's habits."""

from pathlib import Path

import numpy as np
import pytest

from ingest.embedding.embedder import embed
from ingest.index.closeness import standardize
from ingest.index.table import Index
from tests.ingest.index.test_table import EVERYONE, put

COSINES, OTHERS = np.array([0.1, 0.4, 0.7], np.float32), np.linspace(-0.2, 0.3, 200, dtype=np.float32)


@pytest.mark.parametrize(("shift", "stretch"), [(0.5, 0.5), (-0.1, 1.0), (0.3, 0.2)])
def test_a_model_whose_cosines_lie_elsewhere_gives_the_same(shift: float, stretch: float) -> None:
    moved = standardize(shift + stretch * COSINES, shift + stretch * OTHERS)
    assert moved == pytest.approx(standardize(COSINES, OTHERS), abs=1e-3)


def test_where_all_others_are_alike_it_stays_finite() -> None:
    assert np.isfinite(standardize(COSINES, np.full(3, 0.2, np.float32))).all()


def test_what_others_may_read_alone_moves_nothing_in_a_small_index(tmp_path: Path) -> None:
    """With a model that has no neutral texts, too: else two scores would tell of a single document."""
    index = Index(str(tmp_path / "i"), embedding_model="static")
    put(index, "mine", "Bicycles stand in the yard.", "Lunch is at noon.", "Leave is asked for in the portal.")
    before = index.candidates("salaries", embed(["salaries"])[0], scope=EVERYONE, limit=20)
    put(index, "theirs", "The salaries of the board are cut in May.")
    index.set_access(["theirs"], "n" * 64)
    after = index.candidates("salaries", embed(["salaries"])[0], scope=EVERYONE, limit=20)
    assert [one.closeness for one in after] == [one.closeness for one in before]
    assert len({one.closeness for one in after}) == 3
