"""The command line, docent: a module per group of commands, and what they print."""
