"""What a program in Python does at a school's desk over HTTP, by a client made of /openapi.json.

`python desk.py URL < school.json`, with the generated package `school_client` on its path; it
prints what it was told. See tests/e2e/test_clients.py.
"""

import json
import sys
from datetime import date
from http import HTTPStatus
from typing import Any, TypeVar

from school_client import AuthenticatedClient, Client
from school_client.api.auth import auth_login
from school_client.api.lessons import lessons_book
from school_client.api.students import students_create, students_list
from school_client.models import (
    AuthLoginResponse200,
    BookLesson,
    CreateStudent,
    Failure,
    LessonsBookResponse200,
    ListStudents,
    LogIn,
    SignedIn,
    Student,
    StudentsCreateResponse200,
    StudentsListResponse200,
)
from school_client.types import Response

AnswerT = TypeVar("AnswerT")


def told(answer: Any, kind: type[AnswerT]) -> AnswerT:
    """Return an answer that went well."""
    assert isinstance(answer, kind), answer
    return answer


class Desk:
    """One who signs in and books."""

    def __init__(self, url: str, given: dict[str, str]) -> None:
        self._url, self._given = url, given
        self.signed_in = self._sign_in()
        self._client = AuthenticatedClient(url, self.signed_in.access_token)

    def _sign_in(self) -> SignedIn:
        body = LogIn(login=self._given["login"], password=self._given["password"])
        answer = auth_login.sync(client=Client(self._url), body=body)
        return told(answer, AuthLoginResponse200).data

    def create_student(self, given_name: str) -> Student:
        """Take somebody in."""
        body = CreateStudent(
            branch_id=self._given["branchId"],
            given_name=given_name,
            family_name="Lang",
            born_on=date(2007, 12, 10),
        )
        answer = students_create.sync(client=self._client, body=body)
        return told(answer, StudentsCreateResponse200).data.student

    def book(self, student: Student, key: str) -> Response[Failure | LessonsBookResponse200]:
        """Book the one time for somebody."""
        body = BookLesson(
            student_id=student.id,
            instructor_id=self._given["instructorId"],
            vehicle_id=self._given["vehicleId"],
            starts_at=self._given["startsAt"],
            duration_minutes=45,
        )
        return lessons_book.sync_detailed(client=self._client, body=body, idempotency_key=key)

    def names_by_pages(self) -> list[str]:
        """List everybody of the name, two at a time."""
        names: list[str] = []
        cursor: str | None = None
        while True:
            body = ListStudents(text="Lang", limit=2, cursor=cursor)
            answer = students_list.sync(client=self._client, body=body)
            page = told(answer, StudentsListResponse200).data
            names += [student.given_name for student in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return names


def main() -> None:
    """Do it all and print what came of it."""
    desk = Desk(sys.argv[1], json.load(sys.stdin))
    ada, bob = desk.create_student("Ada"), desk.create_student("Bob")
    desk.create_student("Cem")
    booked, again = desk.book(ada, "ada"), desk.book(ada, "ada")
    taken = desk.book(bob, "bob")
    conflict = told(taken.parsed, Failure).error
    seen = {
        "login": desk.signed_in.user.login,
        "lessonId": told(booked.parsed, LessonsBookResponse200).data.lesson.id,
        "again": told(again.parsed, LessonsBookResponse200).data.lesson.id,
        "replayed": again.headers.get("idempotency-replayed"),
        "conflict": {
            "status": HTTPStatus(taken.status_code).value,
            "code": conflict.code,
            "type": conflict.type_.value,
        },
        "names": desk.names_by_pages(),
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
