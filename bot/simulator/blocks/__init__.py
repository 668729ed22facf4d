"""Block Kit: the check of `blocks` and `view` payloads as Slack makes it."""
