"""What happened: logs, and the observers that look at every exchange."""
