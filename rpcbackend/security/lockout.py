"""How long an account waits after wrong passwords: ever longer, never for ever.

What the caller keeps is two numbers for each counter, misses and the time of the last. A complete
login (second factor included) sets misses to 0. A try that comes while the account waits is refused
unread and is no miss.

A counter belongs to an account and a device that signed in there before, or to an account and all
other devices (OWASP, "Device cookies"). So whoever hammers elsewhere keeps no such device out. On
the same device he competes for the one try after each wait, which is short there: whoever comes
when he was told to comes first. Before a device has signed in once, the others can keep it out.
"""

FREE_MISSES = 5
"""Typing errors; the fifth is the first that is waited for."""
LONGEST_WAIT_SECONDS = 15 * 60
LONGEST_KNOWN_WAIT_SECONDS = 60
"""On a device that signed in as this account before; some 1,440 guesses a day."""
FORGOTTEN_AFTER_MS = 24 * 60 * 60 * 1_000
"""A guesser who waits for it has five tries a day; an owner starts the morning afresh."""


def wait_seconds(misses: int, longest: int = LONGEST_WAIT_SECONDS) -> int:
    """Return the wait after so many misses in a row: 0 up to four, then 1, 2, 4, … *longest*."""
    doublings = misses - FREE_MISSES
    if doublings < 0:
        return 0
    return min(1 << min(doublings, longest.bit_length()), longest)


def locked_until_ms(misses: int, last_miss_at_ms: int) -> int:
    """Return when the next try is read: the time of the miss itself if at once."""
    return last_miss_at_ms + wait_seconds(misses) * 1_000


def wait_left_ms(
    misses: int, last_miss_at_ms: int, now_ms: int, longest: int = LONGEST_WAIT_SECONDS
) -> int:
    """Return how much longer the account waits, 0 if a try is read now.

    A miss that lies in the future comes from a clock that was set back since; it is taken to be as
    long ago as it is ahead, so that even then the longest wait is no longer.
    """
    return max(0, wait_seconds(misses, longest) * 1_000 - abs(now_ms - last_miss_at_ms))


def misses_that_count(misses: int, last_miss_at_ms: int, now_ms: int) -> int:
    """Return the misses in a row so far: all of them, or 0 when the last is a day old."""
    return misses if abs(now_ms - last_miss_at_ms) < FORGOTTEN_AFTER_MS else 0
