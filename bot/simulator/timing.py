"""How long things take in the simulated Slack.

Owns the durations that tests shorten. Leaves out Slack's fixed limits, which are in `limits`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass
class Timing:
    """Durations in seconds. `clock` ages streams, statuses, triggers, response URLs and rate limits; timestamps
    and signatures always use the real time."""

    retry_delays: Sequence[float] = (0.0, 60.0, 300.0)  # Slack: nearly at once, after a minute, after five
    ack_seconds: float = 3.0
    stream_seconds: float = 300.0
    clock: Callable[[], float] = time.time
