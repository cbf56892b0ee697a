"""The database (SQLite by default, PostgreSQL by URL) and the journal in front of it."""
