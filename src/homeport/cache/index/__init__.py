"""Which of many vectors are nearest to one: by looking at all of them, or along a graph."""
