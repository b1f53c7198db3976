"""What the school's rules say: pure functions over wire entities, no loop and no database."""
