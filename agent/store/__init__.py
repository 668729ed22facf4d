"""The kernel's data in Postgres: sessions and turns, the trace of each turn, feedback, budgets, retention."""
