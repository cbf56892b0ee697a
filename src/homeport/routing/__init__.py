"""Which targets may answer, and which should. Pure: no clock, no I/O."""
