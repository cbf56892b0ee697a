"""Has a model behind a name been changed silently? Probes, what they are compared by, and alarms with a stated rate."""
