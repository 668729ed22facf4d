"""What belongs to a workspace that has installed the app: shown, forgotten, and what it may spend."""
