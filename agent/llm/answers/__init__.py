"""What a provider streams, read as the answer it is: deltas put together, reasoning kept apart, usage that is
believed or estimated."""
