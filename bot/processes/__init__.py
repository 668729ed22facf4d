"""The processes web, worker and clock: what starts them, what stops them, what they must find."""
