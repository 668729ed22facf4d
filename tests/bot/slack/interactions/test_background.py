"""What was acknowledged is done before the process ends, for as long as that may take."""

import threading
from concurrent.futures import ThreadPoolExecutor

from agent.translation.languages import Speech
from agent.translation.speech import say, speak
from bot.slack.interactions import background
from bot.slack.interactions.background import ContextPool


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


def test_what_is_done_later_is_said_in_the_language_of_whoever_began_it() -> None:
    said: list[str] = []
    pool = ContextPool(1)
    for language in ("de", "ja", "en"):
        with speak(Speech(language)):
            pool.submit(
                background.perform, lambda: {"text": say("Nothing found")}, lambda m: said.append(m["text"])
            )
    pool.shutdown()
    assert said == ["Nichts gefunden", "見つかりませんでした", "Nothing found"]
