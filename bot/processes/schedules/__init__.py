"""What the clock does between two sweeps: syncs, the deletion of old records, the weekly report, the search for
missed questions.
"""
