"""A connection to Redis that counts the round trips."""

import redis


class CountingRedis(redis.Redis):
    """Counts what is asked of it."""

    n_commands = 0

    def execute_command(self, *args: object, **options: object) -> object:
        self.n_commands += 1
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
