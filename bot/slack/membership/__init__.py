"""Who is who in Slack: the people of a channel, and by which principals they read documents."""
