"""What a model is worth: the suites of packages, agreement of engines, and whether answers repeat."""
