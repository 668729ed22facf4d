"""The slash command ``/docent``: status, settings, sync, mute and help, in words."""
