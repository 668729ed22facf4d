"""``docent eval``: measures search and answers on a set of questions, and compares runs."""
