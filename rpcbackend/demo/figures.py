"""The assumptions behind the demo school: every share and weight, in one place.

Marked T: TÜV-Verband, figures for 2024; the rest are assumptions (domain section 5).
"""

from rpcbackend.schema.lessons import CancelCode, CancelledBy, LessonType
from rpcbackend.schema.students import StudentState

STUDENTS_PER_INSTRUCTOR_YEAR = 62
SMALLEST_STAFF = 9
"""Instructors of even the smallest school: 6 employed, 2 contractors, 1 franchise holder."""

WEEKS_A_YEAR = 52
WEEKS_AHEAD = 8

STATES = {
    StudentState.ACTIVE: 0.375,
    StudentState.GRADUATED: 0.455,
    StudentState.WITHDRAWN: 0.075,
    StudentState.ARCHIVED: 0.04,
    StudentState.PAUSED: 0.015,
    StudentState.ENQUIRY: 0.025,
    StudentState.LOST: 0.015,
}
"""Where students stand today: 210 of 560 active, 9 % of those who began dropped out."""

LICENCES = {"B": 0.76, "A": 0.12, "BE": 0.04, "C": 0.05, "AM": 0.03}

AGES = {(16, 17): 0.27, (18, 24): 0.41, (25, 39): 0.22, (40, 65): 0.10}
"""Years of age at the start (T: 68 % of practical candidates are under 25)."""

YOUNGEST_LORRY_DRIVER = 18

EVERY_NTH_IN_ENGLISH = 9
"""Who would rather be written to in English."""
EVERY_NTH_BY_SMS, EVERY_NTH_REFUSES, EVERY_NTH_WANTS_NEWS = 4, 25, 3
"""Who said at his enrolment that he wants SMS, no reminders, or to hear of offers."""

COURSE_MONTHS_MEDIAN = 6.5
COURSE_MONTHS_P90 = 13

LESSONS_MEAN = 24.5
LESSONS_SD = 8
"""Of appointments wanted; where the school is full a few find no time, which leaves 22 to 24."""
MOST_LESSONS = 400
"""Of the one student who cannot stop."""
MOST_LESSONS_PER_STUDENT = 4
"""He takes at most this many times the size of the school."""

MINUTES = {45: 0.48, 90: 0.42, 60: 0.05, 75: 0.03, 135: 0.02}

TYPES = {
    LessonType.NORMAL: 62,
    LessonType.COUNTRY: 15,
    LessonType.MOTORWAY: 12,
    LessonType.EXAM_PREPARATION: 3,
}
"""By day; lessons in the dark see DARK_FROM."""

DARK_FROM = (17, 18, 19, 20, 24, 24, 24, 24, 20, 19, 17, 17)
"""Hour from which it is dark enough for a night lesson, January to December."""
NIGHT_SHARE = 0.62
"""Of the lessons in the dark, so that 8 % of all are night lessons."""

START_HOURS = {(7, 9): 0.14, (9, 12): 0.22, (12, 15): 0.20, (15, 19): 0.36, (19, 21): 0.08}

WEEKDAYS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0)
"""Monday to Sunday: Saturday has 9 % of the week, Sunday nothing."""

SEASON = (0.92, 0.95, 1.02, 1.04, 1.05, 1.08, 0.98, 0.80, 1.05, 1.10, 1.06, 0.75)
"""January to December."""

MOST_MINUTES_A_DAY = 495
"""Of practical teaching, German law (FahrlG section 12)."""
LEAVE_WEEKS = 5
SICK_DAYS = 8

HAPPENED = {"completed": 88.5, "in_time": 6, "late": 2.8, "no_show": 1.2, "by_school": 1.5}
AHEAD = {"booked": 0.95, "in_time": 0.05}
CONFIRMED_DAYS_AHEAD = 14
CONFIRMED_SHARE = 0.7

STUDENTS_REASONS = {CancelCode.PERSONAL: 0.55, CancelCode.ILLNESS: 0.35, CancelCode.OTHER: 0.10}
SCHOOLS_REASONS = {
    (CancelledBy.SCHOOL, CancelCode.WEATHER): 0.40,
    (CancelledBy.INSTRUCTOR, CancelCode.ILLNESS): 0.35,
    (CancelledBy.SCHOOL, CancelCode.VEHICLE): 0.25,
}
