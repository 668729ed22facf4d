"""``docent eval``: what a set of questions finds, and what it is answered, in figures that can be compared."""
