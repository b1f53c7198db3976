"""Lines in, lines out: the only input and output with the peer, ignorant of what they mean."""
