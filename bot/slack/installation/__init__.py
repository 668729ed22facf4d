"""How the app comes into workspaces of Slack: its manifest, installation by OAuth, tokens, and removal."""
