"""Tool calls that a model wrote as text: the forms they have, which are made, and what of them may be shown."""
