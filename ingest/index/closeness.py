"""What a cosine is worth: how far it lies above those of passages that were not chosen for the question.

A cosine of 0.6 is near for one embedding model and far for another, near in an index of recipes and nothing
special in one about a single product; a short question has other cosines than a long one. So the cosines of a
question to what was found are held against its cosines to a sample of all passages, in standard deviations. What
shifts or stretches all cosines alike changes nothing.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLED: Final = 512  # passages; the standard deviation is then right within 3 %
FEWEST_SAMPLED: Final = 128  # with fewer, what was found and texts about nothing in particular stand for them
_LEAST_DEVIATION: Final = 1e-3

Numbers = NDArray[np.float32]


def standardize(cosines: Numbers, others: Numbers) -> Numbers:
    """Returns how many standard deviations each cosine lies above the mean of the ``others``.

    >>> standardize(np.array([0.5], np.float32), np.array([0.1, 0.2, 0.3], np.float32)).round(1).tolist()
    [3.7]
    """
    return np.asarray((cosines - others.mean()) / max(float(others.std()), _LEAST_DEVIATION), np.float32)
