"""What a model said, read from its answer in the words of one API each, as a cascade looks at it."""
