"""What the school says to its students: composed, and queued with its cause."""
