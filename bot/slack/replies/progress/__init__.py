"""What a person sees while an answer is being written: the message that grows, and the status below the thread."""
