"""The exit codes of the process; a supervisor never restarts 64, 69, and 76 to 79."""

EX_DIFFERENT = 1
"""Something else came of a replay than was recorded."""
EX_USAGE = 64
EX_UNREADABLE = 65
"""What came on stdin is no stream of messages."""
EX_UNAVAILABLE = 69
"""Another instance owns the data directory, or is at work on it."""
EX_BUG = 70
EX_CANTCREAT = 73
EX_STORAGE = 74
EX_TIMED_OUT = 75
"""The shutdown took too long."""
EX_PROTOCOL = 76
"""The client speaks another version of the protocol."""
EX_WRONG_KEY = 77
EX_CONFIG = 78
EX_SCHEMA = 79
"""A newer version of this program wrote the database."""
