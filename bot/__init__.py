"""Everything that knows Slack or the queue: listeners, inbox, jobs, reply, processes, command line."""
