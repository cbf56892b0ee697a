"""Pure numerics: series of numbers in, estimates with their uncertainty out. Nothing here knows what they count."""
