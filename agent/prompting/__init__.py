"""What a model reads, and citations in what it writes: instructions, question and evidence, cut to the window."""
