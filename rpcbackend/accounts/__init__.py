"""What signing in and out does: tries that count, sessions that begin and end, keys that sign."""
