"""The pages of the console: each is one file with a function `page`, one template, and its rows in access.py."""
