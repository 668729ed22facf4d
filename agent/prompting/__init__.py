"""What a model reads: instructions, question and evidence, cut to the context window; citations in what it
writes."""
