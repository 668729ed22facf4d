"""``docent check``: whether what is recorded agrees with what was counted, indexed and enqueued.

``everything`` goes through the parts; each module looks at one, says what is wrong, and mends it if it is told to.
"""
