"""Which rows a unit of work may see: all of them, or only those of one person."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The person whose rows can be seen; with neither, everything can.

    What cannot be seen is not there: it is in no list, and looking it up finds nothing.
    """

    instructor_id: str | None = None
    student_id: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is hidden."""
        return self.instructor_id is None and self.student_id is None


EVERYTHING = Sight()

NOTHING = Sight(instructor_id="", student_id="")
"""For a user who may see his own rows and is linked to nobody."""


def sight_of(person_id: str | None) -> Sight:
    """Return what the person with this id may see."""
    if person_id is None:
        return NOTHING
    if person_id.startswith("ins_"):
        return Sight(instructor_id=person_id)
    return Sight(student_id=person_id)
