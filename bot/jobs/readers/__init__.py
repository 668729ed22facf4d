"""Who may see an answer: all who would are looked up; what the asker alone may read is offered to them alone."""
