"""What a request cost, and what was spent."""
