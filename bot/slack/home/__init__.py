"""The Home tab: for everyone what can be asked and was, for operators figures, failures, sources, settings."""
