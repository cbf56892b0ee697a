"""The loop guard: is this conversation going round in circles? Pure; keeps digests, never content."""
