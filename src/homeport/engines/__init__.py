"""Engines that run on machines of our own: one adapter a file."""
