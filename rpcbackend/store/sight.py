"""Which rows a unit of work may see: all of them, or only those of one person."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The person whose rows can be seen; with neither, everybody's can.

    What cannot be seen is not there: it is in no list, and looking it up finds nothing.
    """

    instructor_id: str | None = None
    student_id: str | None = None
    areas: frozenset[str] | None = None
    """Of what the stream tells, by the first word of an event's type; None is of everything."""

    @property
    def is_whole(self) -> bool:
        """Whether nobody's rows are hidden."""
        return self.instructor_id is None and self.student_id is None

    @property
    def person_id(self) -> str | None:
        """Whose rows they are, `:seer` in conditions; None when everybody's or nobody's."""
        return self.instructor_id or self.student_id or None

    def where(self, *, instructor: str, student: str) -> str:
        """Return the SQL condition on what can be seen.

        Args:
            instructor: The condition when an instructor looks, over `:seer`.
            student: The condition when a student looks.
        """
        if self.is_whole:
            return "true"
        if self.instructor_id:
            return instructor
        return student if self.student_id else "false"


EVERYTHING = Sight()

NOTHING = Sight(instructor_id="", student_id="", areas=frozenset())
"""For a user who may see his own rows and is linked to nobody."""


def sight_of(person_id: str | None, areas: frozenset[str] | None = None) -> Sight:
    """Return what the person with this id may see."""
    if person_id is None:
        return NOTHING
    if person_id.startswith("ins_"):
        return Sight(instructor_id=person_id, areas=areas)
    return Sight(student_id=person_id, areas=areas)
