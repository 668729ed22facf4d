"""What was acknowledged is done before the process ends, for as long as that may take."""

import threading
from concurrent.futures import ThreadPoolExecutor

from bot.slack.interactions import background


def test_what_waits_is_finished_and_what_hangs_holds_up_nothing_else() -> None:
    done: list[int] = []
    quick, stuck = ThreadPoolExecutor(2), ThreadPoolExecutor(1)
    never = threading.Event()
    for n in range(50):
        quick.submit(done.append, n)
    hanging, waiting = stuck.submit(never.wait), stuck.submit(done.append, -1)
    background.finish({"quick": quick, "stuck": stuck}, seconds=0.5)
    assert sorted(done) == list(range(50))
    assert waiting.cancelled()
    never.set()
    assert hanging.result(60) is True
