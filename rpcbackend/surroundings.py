"""What comes from outside the program: time, randomness, and where faults are told."""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rpcbackend.clock import Clock, SystemClock
from rpcbackend.dispatch.call import Observer
from rpcbackend.dispatch.dispatcher import ReportBug
from rpcbackend.dispatch.tap import Tap
from rpcbackend.ids import RandomBits
from rpcbackend.monitor import LogLevels
from rpcbackend.outside.channels import MakeChannels
from rpcbackend.recordings import NoRecordings, Recordings
from rpcbackend.schema.lifecycle import Capabilities
from rpcbackend.schema.limits import Limits
from rpcbackend.security.signing import Signing
from rpcbackend.steps import Steps
from rpcbackend.store import Place
from rpcbackend.watch import Tell, tell_nobody


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What an application is given; whoever gives nothing gets the system's."""

    clock: Clock = field(default_factory=SystemClock)
    bits: RandomBits | None = None
    record_bits: RandomBits | None = None
    """A second source for the ids of records: they are drawn on the database's thread."""
    random_bytes: Callable[[int], bytes] = os.urandom
    """Gives keys, salts and codes their bytes, on the database's thread too."""
    chance: Callable[[], float] = random.random
    """Spreads what is tried again; from 0 up to, and without, 1."""
    channels: MakeChannels | None = None
    """Makes what carries the outbox outside; None leaves it where it is, as a replay does."""
    report_bug: ReportBug = lambda bug, correlation_id: None  # noqa: ARG005
    tell: Tell = tell_nobody
    """Told what whoever reads the log should know."""
    observers: Sequence[Observer] = ()
    tap: Tap | None = None
    """Gets every line, and gives each call its moment."""
    log_levels: LogLevels = field(default_factory=LogLevels)
    """From which level on the log is written."""
    place: Place | None = None
    """Of the database, if a server keeps it."""
    over_http: Signing = field(default_factory=Signing)
    """How the tokens of the mirror are signed: by a secret that stands in no store."""
    recordings: Recordings = field(default_factory=NoRecordings)
    """The transcript, for whoever may look at it."""
    steps: Steps | None = None
    """What takes those that the process takes by itself; None lets it take them."""
    rates: Limits | None = None
    """Those that hold where they are others than clients are told: a replay is in no hurry."""

    def capabilities(self) -> Capabilities:
        """Tell what an application among these can do; in a server, it encrypts nothing."""
        return Capabilities(
            events=True,
            cancellation=True,
            progress=True,
            dry_run=True,
            encryption=self.place is None,
        )
