"""homeport.yaml and the process environment, read once into frozen settings."""
