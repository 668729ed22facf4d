"""What the source of Git repositories is made of."""
