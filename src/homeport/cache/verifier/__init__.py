"""Whether two texts ask for the same: rules for English, exact words for the rest."""
