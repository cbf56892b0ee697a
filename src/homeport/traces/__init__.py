"""Single requests, looked at afterwards: found, shown whole, searched, exported, followed as they end."""
