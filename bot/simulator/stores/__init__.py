"""What the workspace stores, and the archive that keeps it between two runs."""
