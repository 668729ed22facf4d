"""A worker process gives memory back when its work pauses."""

from bot.processes.worker import IDLE_LOOKS, Pause


def test_memory_is_given_back_once_per_pause_and_not_between_two_questions() -> None:
    trimmed: list[int] = []
    pause = Pause(trim=lambda: trimmed.append(1))
    for is_busy, n_looks, n_trimmed in (
        (True, 3, 0),
        (False, IDLE_LOOKS - 1, 0),
        (True, 1, 0),
        (False, IDLE_LOOKS - 1, 0),
        (False, 1, 1),
        (False, 100, 1),
        (True, 1, 1),
        (False, IDLE_LOOKS, 2),
    ):
        for _ in range(n_looks):
            pause.note(is_busy=is_busy)
        assert len(trimmed) == n_trimmed
