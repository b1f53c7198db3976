"""Who learns at the demo school, when, and how much."""

import math
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rpcbackend.demo import figures, names
from rpcbackend.demo.chance import Period, Stamps, moment, pick
from rpcbackend.demo.events import STEPS
from rpcbackend.demo.staff import Staff
from rpcbackend.schema.base import Language
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.students import Student, StudentState

NINE = 9 * 60
"""Minute of the day at which the desk enrols and files."""

_DAYS_A_MONTH = 30.4
_SHORTEST_COURSE_DAYS = 45
_MOST_LESSONS_A_WEEK = 3
_Z90 = 1.2816
"""The 90th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Course:
    """When somebody has lessons, how many, for which licence and with whom."""

    state: StudentState
    first_on: date
    last_on: date
    lessons: int
    licence: str
    lead: Instructor


@dataclass(frozen=True, slots=True)
class Learner:
    """A student and his course."""

    student: Student
    course: Course

    @property
    def left_at(self) -> datetime:
        """The morning after his last day."""
        return moment(self.course.last_on + timedelta(days=1), NINE)


def make_learners(count: int, staff: Staff, period: Period, bits: random.Random) -> list[Learner]:
    """Make the students, in the order in which they came.

    The first ones of all are the edge cases: the first a caller born on a leap day, the second (in
    a school of one: the only one) here from the first day to the last.
    """
    courses = [_course(number, count, staff, period, bits) for number in range(count)]
    arrivals = [
        moment(course.first_on - timedelta(days=bits.randint(3, 14)), NINE + bits.randrange(60))
        for course in courses
    ]
    stamps = Stamps(bits)
    learners = []
    for number in sorted(range(count), key=arrivals.__getitem__):
        student_id = stamps.new("stu", arrivals[number])
        student = _student(number, student_id, arrivals[number], courses[number], bits)
        learners.append(Learner(student, courses[number]))
    return learners


def _course(number: int, count: int, staff: Staff, period: Period, bits: random.Random) -> Course:
    is_caller, is_regular = number == 0, number == min(1, count - 1)
    state = StudentState.ACTIVE if is_caller or is_regular else pick(figures.STATES, bits)
    licence = "B" if is_caller or is_regular else pick(figures.LICENCES, bits)
    if is_regular:
        first_on, last_on = period.opens_on, period.ends_on
        wanted = min(figures.MOST_LESSONS, figures.MOST_LESSONS_PER_STUDENT * count)
        lessons = max(round(figures.LESSONS_MEAN), wanted)
    else:
        first_on, last_on = _span(state, period, bits)
        lessons = _lessons(state, (last_on - first_on).days, bits)
    lead = _lead(staff.teaching(licence), bits)
    return Course(state, first_on, last_on, lessons, licence, lead)


def _lead(teachers: list[Instructor], bits: random.Random) -> Instructor:
    """Choose who teaches somebody; whoever has other licences too has less time for this one."""
    return bits.choices(teachers, [1 / len(each.categories) for each in teachers])[0]


def _span(state: StudentState, period: Period, bits: random.Random) -> tuple[date, date]:
    """Choose the first and the last day on which somebody in *state* may have lessons."""
    days = min(_course_days(bits), period.days_open - 7)
    match state:
        case StudentState.ACTIVE:
            first_on = period.today - timedelta(days=int(days * bits.triangular(0.1, 0.95, 0.85)))
            return first_on, min(first_on + timedelta(days=days), period.ends_on)
        case StudentState.PAUSED | StudentState.ENQUIRY | StudentState.LOST:
            last_on = period.today - timedelta(days=bits.randint(3, 30))
            return last_on - timedelta(days=days // 2), last_on
        case _:
            # Some had begun elsewhere, or when the school kept its books on paper.
            most_ago = period.days_open - _SHORTEST_COURSE_DAYS
            last_on = period.today - timedelta(days=bits.randint(3, most_ago))
            return max(period.opens_on, last_on - timedelta(days=days)), last_on


def _course_days(bits: random.Random) -> int:
    """Log-normal, from the median and the 90th percentile."""
    sigma = math.log(figures.COURSE_MONTHS_P90 / figures.COURSE_MONTHS_MEDIAN) / _Z90
    months = bits.lognormvariate(math.log(figures.COURSE_MONTHS_MEDIAN), sigma)
    return max(_SHORTEST_COURSE_DAYS, int(months * _DAYS_A_MONTH))


def _lessons(state: StudentState, days: int, bits: random.Random) -> int:
    """A gamma variate, which at this mean is as good as a negative binomial one."""
    if state in (StudentState.ENQUIRY, StudentState.LOST):
        return 0
    mean, variance = figures.LESSONS_MEAN, figures.LESSONS_SD**2
    wanted = bits.gammavariate(mean**2 / variance, variance / mean)
    if state is StudentState.WITHDRAWN:
        wanted *= bits.uniform(0.1, 0.6)
    if state is StudentState.PAUSED:
        wanted /= 2
    return min(round(wanted), 1 + days * _MOST_LESSONS_A_WEEK // 7)


def _student(
    number: int, student_id: str, created_at: datetime, course: Course, bits: random.Random
) -> Student:
    given_name, family_name = names.full_name(number, bits)
    has_email, has_phone = bits.random() < 0.93, bits.random() < 0.96  # noqa: PLR2004 (shares)
    return Student(
        id=student_id,
        branch_id=course.lead.branch_id,
        given_name=given_name,
        family_name=family_name,
        born_on=_born_on(number, course, bits),
        email=names.email(given_name, family_name, number) if has_email else None,
        phone=names.phone(number) if has_phone else None,
        language=Language.EN if number % figures.EVERY_NTH_IN_ENGLISH == 0 and number else None,
        state=course.state,
        created_at=created_at,
        version=len(STEPS[course.state]),
    )


def _born_on(number: int, course: Course, bits: random.Random) -> date:
    if number == 0:
        # The last leap day that makes the caller 17 or older.
        return date((course.first_on.year - 18) // 4 * 4, 2, 29)
    youngest, oldest = pick(figures.AGES, bits)
    age = bits.randint(youngest, oldest)
    if course.licence == "C":
        age = max(age, figures.YOUNGEST_LORRY_DRIVER)
    birthday = course.first_on - timedelta(days=bits.randrange(1, 364))
    return date(birthday.year - age, birthday.month, min(birthday.day, 28))
