"""What went over the wire, written down without names and secrets, and played again."""
