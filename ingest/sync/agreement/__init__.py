"""Index and documents in agreement: ``comparison`` finds and mends where they differ, ``tags`` goes back to a
version of the index that was tagged; ``tagged_table`` reads one."""
