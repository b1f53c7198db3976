"""Message to call to handler to message."""
