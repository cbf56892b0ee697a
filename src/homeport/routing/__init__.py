"""Which targets may answer, and which should. Deciding is pure: no clock, no I/O; `versions` alone knows the disk."""
