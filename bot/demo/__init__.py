"""``make demo``: all of Docent on one machine, with a simulated Slack in the browser. See :mod:`.run`."""
