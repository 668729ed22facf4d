"""Documents: formats, the child process that parses them, blocks of text, chunks."""
