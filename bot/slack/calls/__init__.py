"""What stands between a call and Slack: connections that are kept, and how often Slack may be called.

A call that Slack limits takes its place first (:class:`.limiter.CallLimiter`), in Redis or in one process, and a
``Retry-After`` that one process was told holds for all. See :mod:`.rates`, :mod:`.limiter`, :mod:`.redis_limiter`,
:mod:`.web_client`.
"""
