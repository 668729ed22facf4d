"""What the bot posts.

:mod:`.reply` is what the worker talks to, with :mod:`.thread_reply` and :mod:`.command_reply` as its two kinds in
Slack. A thread's reply consists of :mod:`.live_message` (the draft that grows), :mod:`.thread_messages` (the calls
to Slack) and :mod:`.reply_rows` (what Postgres knows of them). :mod:`.blocks`, :mod:`.splitting` and
:mod:`.task_cards` make the content. What a model wrote passes :mod:`.output_filter`: the answer in
:mod:`bot.jobs.answering`, a tool's arguments in the cards; titles and notices are only escaped.
"""
