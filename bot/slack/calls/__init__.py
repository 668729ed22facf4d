"""How often Slack may be called: the documented limits, and their keepers in Redis and in one process.

A call that Slack limits takes its place first (:class:`.limiter.CallLimiter`), and a ``Retry-After`` that one
process was told holds for all. See :mod:`.rates`, :mod:`.limiter`, :mod:`.redis_limiter`.
"""
