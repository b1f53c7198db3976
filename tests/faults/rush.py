"""Several desks that want the same hours, and money; and the service that tells what was paid."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import httpx2
import orjson

from rpcbackend.outside.signing import sign
from rpcbackend.schema.base import format_instant
from tests.factories import an_id
from tests.faults.checker import Checker
from tests.faults.deeds import DAWN, PEOPLE, Deed

WAIT_SECONDS = 0.1
"""Before a command is sent again: sooner than its caller is told."""

PROVIDER = an_id("prv")
SECRET = "whsec_" + "A" * 44


def rush(desk: str, who: int) -> Iterator[Deed]:
    """Yield what a desk does: of three, it books an hour that all want, one of its own, and cashes.

    Args:
        desk: Its name.
        who: Its number, less than there are people.
    """
    for number in count():
        slot, kind = divmod(number, 3)
        key = f"{desk} {number}"
        channel = "payments.createLink" if kind == 2 else "lessons.book"
        params = (
            _payment(slot, who)
            if kind == 2
            else _lesson(slot, who)
            if kind
            else _wanted_lesson(slot, who)
        )
        yield Deed(key, channel, params | {"_meta": {"idempotencyKey": key}})


def _wanted_lesson(slot: int, who: int) -> dict[str, Any]:
    """Take part in a quarrel over an instructor, a car or a student, in turn."""
    people = [(slot + who * (slot % 3 != place)) % PEOPLE for place in range(3)]
    return _booking(people, 4 * slot + who % 2 / 2)


def _lesson(slot: int, who: int) -> dict[str, Any]:
    return _booking([who] * 3, 4 * slot + 2)


def _booking(people: Sequence[int], hours: float) -> dict[str, Any]:
    instructor, vehicle, student = people
    return {
        "studentId": an_id("stu", student),
        "instructorId": an_id("ins", instructor),
        "vehicleId": an_id("veh", vehicle),
        "startsAt": format_instant(DAWN + timedelta(hours=hours)),
        "durationMinutes": 60,
    }


def _payment(slot: int, who: int) -> dict[str, Any]:
    return {
        "studentId": an_id("stu", who),
        "amount": {"amount": 1_000 + slot, "currency": "EUR"},
        "description": "Fahrstunde",
    }


def signed_in(deeds: Iterator[Deed], token: str) -> Iterator[Deed]:
    """Yield the same commands with a token in them."""
    for deed in deeds:
        meta = deed.params["_meta"] | {"token": token}
        yield replace(deed, params=deed.params | {"_meta": meta})


async def serve_web(http: httpx2.AsyncClient, checker: Checker, deeds: Iterator[Deed]) -> None:
    """Send commands over HTTP, each until it is done or refused for good; every one is answered.

    Args:
        http: Goes to the balancer, and says who calls.
        checker: Hears the answers.
        deeds: What is wanted.
    """
    for deed in deeds:
        rest = [deed]
        while rest:
            request = checker.send(rest.pop())
            checker.hear(await _ask(http, request))
            rest = checker.bury()
            if rest:
                await asyncio.sleep(WAIT_SECONDS)


async def _ask(http: httpx2.AsyncClient, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request as the mirror wants it, and return the reply as a desk would have it."""
    params = {name: value for name, value in request["params"].items() if name != "_meta"}
    key = request["params"]["_meta"]["idempotencyKey"]
    response = await http.post(
        f"/api/{request['method']}", json=params, headers={"Idempotency-Key": key}
    )
    answer = response.json()
    if answer["status"] == "ok":
        return {"id": request["id"], "result": answer["data"]}
    return {"id": request["id"], "error": {"data": answer["error"]}}


class Service:
    """Tells of each payment that was acknowledged that it was paid, until it is heard.

    Args:
        http: Goes to the balancer.
        checkers: Know what was acknowledged.
    """

    def __init__(self, http: httpx2.AsyncClient, checkers: Sequence[Checker]) -> None:
        self._http, self._checkers = http, checkers
        self.heard: dict[str, int] = {}
        """By payment: what was told and heard, in cents."""
        self.doubled = 0
        """How often it was told twice."""
        self.errors: Counter[str] = Counter()
        """By symbol and outcome."""

    async def tell(self) -> None:
        """Tell what has not been told."""
        for checker in self._checkers:
            for result in list(checker.acknowledged.values()):
                if "amount" in result and result["id"] not in self.heard:
                    await self._tell(result["id"], result["amount"])

    async def _tell(self, payment: str, money: dict[str, Any]) -> None:
        told = {
            "type": "payment.paid",
            "reference": payment,
            "amountMinor": money["amount"],
            "currency": money["currency"],
        }
        # Some services say everything twice.
        times = 1 + (money["amount"] % 5 == 0)
        answers = [await self._until_heard(payment, orjson.dumps(told)) for _ in range(times)]
        assert all(answer["outcome"] == "taken" for answer in answers), answers
        assert all(answer["isDuplicate"] for answer in answers[1:]), answers
        self.heard[payment] = money["amount"]
        self.doubled += times - 1

    async def _until_heard(self, id: str, body: bytes) -> dict[str, Any]:
        while True:
            # Each time anew: what was signed five minutes ago is too old.
            headers = sign(id, body, at_seconds=int(time.time()), secrets=[SECRET])
            response = await self._http.post(
                f"/api/webhooks/{PROVIDER}",
                content=body,
                headers=headers | {"Content-Type": "application/json"},
            )
            answer = response.json()
            if answer["status"] == "ok":
                heard: dict[str, Any] = answer["data"]
                return heard
            told = answer["error"]
            assert told["retryable"], told
            self.errors[f"{told['code']} {told['outcome']}"] += 1
            await asyncio.sleep(WAIT_SECONDS)
