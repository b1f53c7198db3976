"""How long things take: mostly about as long as usual, and now and then very much longer."""

import random

HICCUPS, HICCUP = 0.05, 100
"""This often something takes so many times as long: the system had others to see to first."""


def delay(bits: random.Random, seconds: float) -> float:
    """Draw how long something takes that takes *seconds* on average."""
    if bits.random() < HICCUPS:
        seconds *= HICCUP
    return bits.expovariate(1 / seconds)
