"""Model packages: weights frozen under a digest, fetched once and verified at every start."""
