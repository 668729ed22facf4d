"""What the source of Slack threads is made of."""
