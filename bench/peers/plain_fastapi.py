"""A plain service of students and lessons: FastAPI, SQLAlchemy, aiosqlite, pydantic, bearer tokens.

As its tutorials write one: the user is read with each request, a lesson is booked if nothing of
that time is in the way, COMMIT is durable. No events, audit, keys or rates.

Usage: python plain_fastapi.py DIRECTORY, which holds rows.json; the first line on stdout is the
port, the second a token.
"""

import asyncio
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import event, insert, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET, DAY = secrets.token_urlsafe(32), timedelta(days=1)


class Row(DeclarativeBase):
    """A row of any table."""


class UserRow(Row):
    """A user."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(primary_key=True)


class StudentRow(Row):
    """A student."""

    __tablename__ = "students"
    id: Mapped[str] = mapped_column(primary_key=True)
    branch_id: Mapped[str]
    given_name: Mapped[str]
    family_name: Mapped[str] = mapped_column(index=True)
    born_on: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    state: Mapped[str]
    created_at: Mapped[str]
    version: Mapped[int]


class LessonRow(Row):
    """A lesson."""

    __tablename__ = "lessons"
    id: Mapped[str] = mapped_column(primary_key=True)
    student_id: Mapped[str] = mapped_column(index=True)
    instructor_id: Mapped[str] = mapped_column(index=True)
    vehicle_id: Mapped[str | None]
    type: Mapped[str]
    state: Mapped[str]
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]


class Wire(BaseModel):
    """What crosses the wire."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, from_attributes=True)


class Student(Wire):
    """A student."""

    id: str
    branch_id: str
    given_name: str
    family_name: str
    born_on: str
    email: str | None
    phone: str | None
    state: str
    created_at: str
    version: int


class Lesson(Wire):
    """A lesson."""

    id: str
    student_id: str
    instructor_id: str
    vehicle_id: str | None
    type: str
    state: str
    starts_at: datetime
    ends_at: datetime


class GetStudent(Wire):
    """Which student."""

    student_id: str


class ListStudents(Wire):
    """How many students."""

    limit: int = 50


class ViewCalendar(Wire):
    """Which span."""

    from_: Annotated[datetime, "from"]
    to: datetime

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"))


class BookLesson(Wire):
    """Who drives, with whom, when."""

    student_id: str
    instructor_id: str
    starts_at: datetime
    duration_minutes: int


DIRECTORY = Path(sys.argv[1])
engine = create_async_engine(f"sqlite+aiosqlite:///{DIRECTORY / 'plain.db'}")
make_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


@event.listens_for(engine.sync_engine, "connect")
def set_up(connection: Any, _record: object) -> None:
    """Be as durable as we are."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
        connection.execute(f"PRAGMA {pragma}")


async def session() -> AsyncIterator[AsyncSession]:
    """Open a session for a request."""
    async with make_session() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]


async def user(
    db: Session, proof: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> UserRow:
    """Find out who calls."""
    try:
        claims = jwt.decode(proof.credentials, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    found = await db.get(UserRow, claims["sub"])
    if found is None:
        raise HTTPException(401)
    return found


Known = Annotated[UserRow, Depends(user)]


@app.post("/api/students.get")
async def get_student(params: GetStudent, db: Session, _: Known) -> Student:
    """Return a student."""
    found = await db.get(StudentRow, params.student_id)
    if found is None:
        raise HTTPException(404)
    return Student.model_validate(found)


@app.post("/api/students.list")
async def list_students(params: ListStudents, db: Session, _: Known) -> list[Student]:
    """Return students by family name."""
    query = select(StudentRow).order_by(StudentRow.family_name).limit(params.limit)
    return [Student.model_validate(row) for row in await db.scalars(query)]


@app.post("/api/calendar.view")
async def view_calendar(params: ViewCalendar, db: Session, _: Known) -> list[Lesson]:
    """Return the lessons of a span."""
    starts, ends = params.from_.replace(tzinfo=None), params.to.replace(tzinfo=None)
    query = select(LessonRow).where(
        LessonRow.starts_at < ends, LessonRow.starts_at > starts - DAY, LessonRow.ends_at > starts
    )
    return [Lesson.model_validate(row) for row in await db.scalars(query)]


@app.post("/api/lessons.book")
async def book_lesson(params: BookLesson, db: Session, _: Known) -> Lesson:
    """Book a lesson if nobody is busy."""
    starts = params.starts_at.replace(tzinfo=None)
    ends = starts + timedelta(minutes=params.duration_minutes)
    busy = select(LessonRow.id).where(
        (LessonRow.instructor_id == params.instructor_id)
        | (LessonRow.student_id == params.student_id),
        LessonRow.starts_at < ends,
        LessonRow.ends_at > starts,
    )
    if (await db.scalars(busy.limit(1))).first() is not None:
        raise HTTPException(409)
    booked = LessonRow(
        id=secrets.token_hex(16),
        student_id=params.student_id,
        instructor_id=params.instructor_id,
        vehicle_id=None,
        type="normal",
        state="booked",
        starts_at=starts,
        ends_at=ends,
    )
    db.add(booked)
    await db.commit()
    return Lesson.model_validate(booked)


async def fill() -> None:
    """Make the tables of the rows that are given."""
    rows = json.loads((DIRECTORY / "rows.json").read_text(encoding="utf-8"))
    async with engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
        await connection.execute(insert(UserRow), [{"id": "ada"}])
        students = [Student.model_validate(row).model_dump() for row in rows["students"]]
        await connection.execute(insert(StudentRow), students)
        lessons = [Lesson.model_validate(row).model_dump() for row in rows["lessons"]]
        for row in lessons:
            row["starts_at"], row["ends_at"] = (
                row[name].replace(tzinfo=None) for name in ("starts_at", "ends_at")
            )
        await connection.execute(insert(LessonRow), lessons)
    await engine.dispose()


def main() -> None:
    """Serve on a free port of this machine."""
    asyncio.run(fill())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        print(jwt.encode({"sub": "ada"}, SECRET, algorithm="HS256"), flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
