"""Looking into an answer: the request is run again with transformers, and what happened inside is reported."""
