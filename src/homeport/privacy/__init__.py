"""What may never leave home."""
