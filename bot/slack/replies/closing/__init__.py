"""What stands below an answer: its sources and how old they are, its cost, its files, and what can be clicked."""
