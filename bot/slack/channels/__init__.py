"""What is set for single channels and threads: by the operator, or by a thread's owner."""
