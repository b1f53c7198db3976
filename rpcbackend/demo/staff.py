"""Where the demo school teaches, who teaches there, and in what."""

import random
from dataclasses import dataclass
from datetime import timedelta

from rpcbackend.demo import figures, names
from rpcbackend.demo.chance import ZONE, Period, Stamps, moment
from rpcbackend.demo.events import Happening, of_branch, of_instructor, of_vehicle
from rpcbackend.schema.branches import USUAL, Branch
from rpcbackend.schema.instructors import Engagement, Instructor, InstructorState
from rpcbackend.schema.vehicles import Transmission, Vehicle, VehicleState

_TURN = 9
"""What comes again with every ninth instructor: 6 employed, 2 contractors, 1 franchise holder; two
teach motorcycles, one lorries; 8 cars, 2 motorcycles, 1 lorry."""
_RIDERS = (0, 1)
_LORRY_DRIVER = 2

_FOUNDED_BEFORE = timedelta(days=60)
"""Before the first lesson: time to hire, buy cars and enrol the first students."""


@dataclass(frozen=True, slots=True)
class Staff:
    """The branches with their instructors and vehicles."""

    branches: tuple[Branch, ...]
    instructors: tuple[Instructor, ...]
    vehicles: tuple[Vehicle, ...]
    happenings: tuple[Happening, ...]

    def teaching(self, licence: str, branch_id: str | None = None) -> list[Instructor]:
        """List who teaches for that licence, at one branch or at all."""
        return [
            each
            for each in self.instructors
            if licence in each.categories and branch_id in (None, each.branch_id)
        ]

    def vehicles_for(self, licence: str, branch_id: str) -> list[Vehicle]:
        """List what a branch has to drive for that licence."""
        return [
            each
            for each in self.vehicles
            if each.branch_id == branch_id and licence in each.categories
        ]


def make_staff(students: int, years: int, period: Period, bits: random.Random) -> Staff:
    """Make as many instructors as *students* in *years* need, and what they need."""
    wanted = round(students / years / figures.STUDENTS_PER_INSTRUCTOR_YEAR)
    count = max(figures.SMALLEST_STAFF, wanted)
    stamps = Stamps(bits)
    at = moment(period.opens_on, 0) - _FOUNDED_BEFORE
    branches = tuple(
        _branch(number, stamps.new("bra", at))
        for number in range(min(len(names.BRANCHES), max(2, count // 6)))
    )
    instructors = tuple(
        _instructor(number, stamps.new("ins", at), branches[number % len(branches)], bits)
        for number in range(count)
    )
    vehicles = tuple(
        _vehicle(plate_number, stamps.new("veh", at), kind, branches[owner % len(branches)])
        for plate_number, (owner, kind) in enumerate(_garage(count))
    )
    happenings = (
        *(of_branch(branch, at) for branch in branches),
        *(of_instructor(instructor, at) for instructor in instructors),
        *(of_vehicle(vehicle, at) for vehicle in vehicles),
    )
    return Staff(branches, instructors, vehicles, happenings)


def _branch(number: int, branch_id: str) -> Branch:
    name = names.BRANCHES[number]
    return Branch(
        id=branch_id,
        name=name,
        address=f"{name} {number + 1}, {names.TOWN}",
        zone=ZONE,
        currency="EUR",
        **USUAL,
        is_active=True,
        version=1,
    )


def _instructor(number: int, instructor_id: str, branch: Branch, bits: random.Random) -> Instructor:
    given_name, family_name = bits.choice(names.GIVEN_NAMES), bits.choice(names.FAMILY_NAMES)
    return Instructor(
        id=instructor_id,
        branch_id=branch.id,
        given_name=given_name,
        family_name=family_name,
        email=names.email(given_name, family_name, number),
        # The last numbers of a range: students have the first ones.
        phone=names.phone(999 - number),
        categories=_categories(number % _TURN),
        engagement=_engagement(number % _TURN),
        state=InstructorState.ACTIVE,
        version=1,
    )


def _categories(turn: int) -> list[str]:
    if turn in _RIDERS:
        return ["A", "AM", "B", "BE"]
    return ["B", "BE", "C", "CE"] if turn == _LORRY_DRIVER else ["B", "BE"]


def _engagement(turn: int) -> Engagement:
    if turn == _TURN - 1:
        return Engagement.FRANCHISE
    return Engagement.CONTRACTOR if turn >= _TURN - 3 else Engagement.EMPLOYEE


def _garage(instructors: int) -> list[tuple[int, str]]:
    """List vehicles as the number of who brought them and the licence they are for."""
    garage = [
        (number, "C" if number % _TURN == _LORRY_DRIVER else "B") for number in range(instructors)
    ]
    return garage + [(number, "A") for number in range(instructors) if number % _TURN in _RIDERS]


_MODELS = {"A": names.MOTORCYCLES, "B": names.CARS, "C": names.LORRIES}
_VEHICLE_CATEGORIES = {"A": ["A", "AM"], "B": ["B", "BE"], "C": ["C", "CE"]}


def _vehicle(number: int, vehicle_id: str, kind: str, branch: Branch) -> Vehicle:
    make, model = _MODELS[kind][number % len(_MODELS[kind])]
    is_automatic = kind == "B" and number % 3 == 0
    return Vehicle(
        id=vehicle_id,
        branch_id=branch.id,
        plate=names.plate(number),
        make=make,
        model=model,
        categories=_VEHICLE_CATEGORIES[kind],
        transmission=Transmission.AUTOMATIC if is_automatic else Transmission.MANUAL,
        state=VehicleState.ACTIVE,
        version=1,
    )
