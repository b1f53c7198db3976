"""What must hold when the process dies, or its disk fails, at any moment."""
