"""Who may call what: the table that the process is held against, written by hand.

A   all rows              o   own rows; others are not found, or are in no answer
r   all rows, but no mail addresses or phone numbers           -   refused
P   open to whoever speaks to the process at all; nobody looks who it is
p   open too, but a token that is given must be good
f   the same, until there is a user: from then on it is refused to everybody

`local` calls in a school without users. What is about users has no row of anybody's for him, which
is an `o` too.

From the roles of domain.md section 3.2. The last column names the scopes of which an API key needs
one, or both where a + or & stands between them; it never reaches further than its maker.
"""

from typing import NamedTuple

_MATRIX = """
channel              nobody local owner office instructor student accountant  scopes
initialize           P      A     A     A      A          A       A
ping                 P      A     A     A      A          A       A
rpc.discover         P      A     A     A      A          A       A
shutdown             P      A     A     A      A          A       A
system.health        P      A     A     A      A          A       A

apikeys.create       -      -     A     -      -          -       -
apikeys.list         -      A     A     -      -          -       -
apikeys.revoke       -      o     A     -      -          -       -

audit.list           -      A     A     -      -          -       A           audit:read
audit.verify         -      A     A     -      -          -       A           audit:read

auth.bootstrap       f      A     -     -      -          -       -
auth.changePassword  -      -     A     o      o          o       o
auth.login           p      A     A     A      A          A       A
auth.logout          -      o     o     o      o          o       o
auth.me              -      o     o     o      o          o       o
auth.mfaEnrol        -      -     o     o      o          o       o
auth.refresh         p      A     A     A      A          A       A

backups.create       -      A     A     -      -          -       -
backups.list         -      A     A     -      -          -       -
backups.restore      -      A     A     -      -          -       -
backups.verify       -      A     A     -      -          -       -

branches.list        -      A     A     A      A          A       A           lessons:read
branches.save        -      A     A     -      -          -       -

calendar.view        -      A     A     A      o          o       A           lessons:read
consents.get         -      A     A     A      -          o       -
consents.set         -      A     A     A      -          o       -

events.subscribe     -      A     A     A      o          o       A           lessons:read

exports.start        -      A     A     -      -          -       A

feeds.create         -      A     A     A      o          o       -
feeds.list           -      A     A     A      o          o       -
feeds.read           p      A     A     A      A          A       A
feeds.revoke         -      A     A     A      o          o       -

instructors.list     -      A     A     A      o          r       A           lessons:read
instructors.save     -      A     A     -      -          -       -

jobs.cancel          -      A     A     o      o          o       o
jobs.get             -      A     A     o      o          o       o
jobs.list            -      A     A     o      o          o       o

keys.rekey           -      A     A     -      -          -       -

lessons.book         -      A     A     A      o          -       -           lessons:book
lessons.cancel       -      A     A     A      o          o       -           lessons:book
lessons.get          -      A     A     A      o          o       A           lessons:read
lessons.list         -      A     A     A      o          o       A           lessons:read
lessons.reschedule   -      A     A     A      o          -       -
lessons.searchSlots  -      A     A     A      o          o       -      lessons:read&students:read

notifications.send   -      A     A     A      o          -       -     messages:write&students:read

outbox.list          -      A     A     A      -          -       -           messages:read
outbox.retry         -      A     A     A      -          -       -           messages:write

payments.createLink  -      A     A     A      -          -       A
payments.get         -      A     A     A      -          -       A
payments.list        -      A     A     A      -          -       A
payments.retryLink   -      A     A     A      -          -       A

providers.list       -      A     A     -      -          -       -
providers.remove     -      A     A     -      -          -       -
providers.save       -      A     A     -      -          -       -
providers.test       -      A     A     -      -          -       -

schedules.list       -      A     A     -      -          -       -
schedules.run        -      A     A     -      -          -       -
schedules.save       -      A     A     -      -          -       -

sessions.list        -      o     A     o      o          o       o
sessions.revoke      -      o     A     o      o          o       o

students.create      -      A     A     A      -          -       -           students:read+write
students.get         -      A     A     A      o          o       A           students:read
students.list        -      A     A     A      o          o       A           students:read
students.transition  -      A     A     A      -          -       -           students:read+write
students.update      -      A     A     A      -          o       -           students:read+write

system.metrics       -      A     A     -      -          -       -           metrics:read
system.setLogLevel   -      A     A     -      -          -       -
system.watch         -      A     A     -      -          -       -           metrics:read

templates.list       -      A     A     A      A          -       -
templates.save       -      A     A     A      -          -       -

transcripts.inspect  -      A     A     -      -          -       -
transcripts.list     -      A     A     -      -          -       -

users.list           -      A     A     -      -          -       -
users.save           -      -     A     -      -          -       -

vehicles.list        -      A     A     A      A          -       A           lessons:read
vehicles.save        -      A     A     A      -          -       -

webhooks.list        -      A     A     -      -          -       -
webhooks.receive     p      A     A     A      A          A       A
webhooks.remove      -      A     A     -      -          -       -
webhooks.save        -      A     A     -      -          -       -
"""


class Row(NamedTuple):
    """What one channel grants to whom."""

    letters: dict[str, str]
    """By `nobody`, `local` and the roles."""
    scopes: frozenset[frozenset[str]]
    """Each is enough for an API key."""


def _read(table: str) -> dict[str, Row]:
    header, *lines = [line.split() for line in table.splitlines() if line]
    who = header[1:-1]
    return {
        channel: Row(
            dict(zip(who, cells[: len(who)], strict=True)),
            frozenset(_scopes(cell) for cell in cells[len(who) :]),
        )
        for channel, *cells in lines
    }


def _scopes(cell: str) -> frozenset[str]:
    areas = [each.partition(":") for each in cell.split("&")]
    return frozenset(f"{area}:{verb}" for area, _, verbs in areas for verb in verbs.split("+"))


MATRIX = _read(_MATRIX)
