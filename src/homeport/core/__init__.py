"""Values and Protocols that every other package may import; imports nothing of ours."""
