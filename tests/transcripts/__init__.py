"""What is recorded, what is left out of it, and that it can be played again."""
