"""One call that takes effect for every command of the store, and every job.

tests/methods/test_audit.py fails for a command that has none here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from rpcbackend import PROTOCOL_VERSION
from rpcbackend.app import Application
from rpcbackend.methods import build_registry
from rpcbackend.outside.payment_requests import follow_request
from rpcbackend.outside.signing import sign
from rpcbackend.schema.outbox import MessageState
from rpcbackend.schema.users import Role
from rpcbackend.store import Ended, Work
from rpcbackend.surroundings import Surroundings
from rpcbackend.testing import Client, FrozenClock, running_app
from tests.factories import School, keyed
from tests.jobs.toys import Play
from tests.people import OTHER_PASSWORD, PASSWORD, add_role, be_quick, log_in, sign_in


@dataclass
class Stage:
    """An open school without users, and the connection that the call will be made on."""

    app: Application
    client: Client
    school: School
    actor: str = "local"
    """Who makes the call; whoever signs in by it is known only from its answer."""
    session_id: str | None = None
    """The session that he makes it in."""

    async def sign_in(self) -> None:
        """Add an owner and let him make the call."""
        await add_role(self.app, Role.OWNER)
        answer = await log_in(self.client)
        self.actor, self.session_id = answer["user"]["id"], answer["session"]["id"]


@asynccontextmanager
async def open_stage(directory: Path, clock: FrozenClock) -> AsyncIterator[Stage]:
    """Open a school in an encrypted file, which has keys to change; passwords cost nothing."""
    async with running_app(directory, Surroundings(clock=clock)) as app:
        client = Client(app)
        await client.call(
            "initialize",
            protocolVersion=PROTOCOL_VERSION,
            client={"name": "tests", "version": "1"},
            databaseKey="A" * 43,
        )
        be_quick(app)
        yield Stage(app, client, await School(client).open())


Example = Callable[[Stage], Awaitable[dict[str, Any]]]
"""Makes the params of the call, and what it needs."""

COMMANDS = sorted(
    method.channel for method in build_registry() if method.kind != "query" and method.needs_store
)


async def _save_branch(stage: Stage) -> dict[str, Any]:
    return {"branchId": stage.school.branch["id"], "name": "Nord", "zone": "UTC", "currency": "EUR"}


async def _save_instructor(stage: Stage) -> dict[str, Any]:
    return {
        "branchId": stage.school.branch["id"],
        "givenName": "Otto",
        "familyName": "Lang",
        "categories": ["B"],
        "engagement": "employee",
    }


async def _save_vehicle(stage: Stage) -> dict[str, Any]:
    return {
        "vehicleId": stage.school.vehicle["id"],
        "branchId": stage.school.branch["id"],
        "plate": "B-FS 202",
        "make": "VW",
        "model": "Polo",
        "categories": ["B"],
        "transmission": "automatic",
    }


async def _create_student(stage: Stage) -> dict[str, Any]:
    return {
        "branchId": stage.school.branch["id"],
        "givenName": "Zoë",
        "familyName": "Groß",
        "bornOn": "2008-02-29",
    }


async def _update_student(stage: Stage) -> dict[str, Any]:
    return {"studentId": stage.school.student["id"], "phone": "+4930123456"}


async def _transition_student(stage: Stage) -> dict[str, Any]:
    return {"studentId": stage.school.student["id"], "to": "paused"}


async def _book_lesson(stage: Stage) -> dict[str, Any]:
    return stage.school.booking()


async def _cancel_lesson(stage: Stage) -> dict[str, Any]:
    lesson = await stage.school.book()
    return {"lessonId": lesson["id"], "by": "student", "reasonCode": "illness"}


async def _reschedule_lesson(stage: Stage) -> dict[str, Any]:
    lesson = await stage.school.book()
    return {"lessonId": lesson["id"], "startsAt": "2026-11-25T09:00:00Z"}


async def _create_api_key(stage: Stage) -> dict[str, Any]:
    await stage.sign_in()
    return {"name": "Website", "scopes": ["lessons:read"]} | keyed()


async def _revoke_api_key(stage: Stage) -> dict[str, Any]:
    created = await stage.client.call("apikeys.create", **await _create_api_key(stage))
    return {"keyId": created["key"]["id"]}


async def _bootstrap(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (needs nothing)
    return {"login": "Ada", "password": PASSWORD}


async def _change_password(stage: Stage) -> dict[str, Any]:
    await stage.sign_in()
    return {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}


async def _log_in(stage: Stage) -> dict[str, Any]:
    await add_role(stage.app, Role.OWNER)
    stage.actor = "nobody"
    return {"login": "owner", "password": PASSWORD}


async def _set_consent(stage: Stage) -> dict[str, Any]:
    return {
        "studentId": stage.school.student["id"],
        "purpose": "lessons",
        "channel": "mail",
        "isGranted": False,
        "source": "desk",
        "textVersion": "2026-11",
    }


async def _save_template(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (needs nothing)
    return {"kind": "message", "channel": "sms", "language": "de", "text": "{text}"}


async def _notify(stage: Stage) -> dict[str, Any]:
    student_id = stage.school.student["id"]
    await stage.client.call("students.update", studentId=student_id, email="ada@example.org")
    return {
        "studentIds": [student_id],
        "template": "message",
        "channel": "mail",
        "values": {"subject": "Hello", "text": "We are back."},
    }


async def _sign_in(stage: Stage) -> dict[str, Any]:
    await stage.sign_in()
    return {}


async def _refresh(stage: Stage) -> dict[str, Any]:
    login = await _log_in(stage)
    answer = await Client(stage.app).call("auth.login", **login)
    return {"refreshToken": answer["refreshToken"]}


async def _create_backup(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (needs nothing)
    return {}


async def _inspect_backup(stage: Stage) -> dict[str, Any]:
    return await _verify_backup(stage) | {"mode": "inspect", "_meta": {"idempotencyKey": "k"}}


async def _verify_backup(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (that it is missing, shows)
    return {"path": "/nowhere/2026-11-28T06-00-03Z-daily.db"}


async def _export(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (that it fails does not matter)
    return {"kind": "students", "format": "csv", "path": "/nowhere/students.csv"}


async def _cancel_job(stage: Stage) -> dict[str, Any]:
    play = Play()
    await play.start(stage.app)
    await play.until_begun()
    return {"jobId": play.job.id}


async def _save_provider(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (needs nothing)
    return {
        "channel": "mail",
        "name": "Office mail",
        "mail": {
            "host": "mail.example",
            "port": 587,
            "security": "starttls",
            "sender": "office@school.example",
            "username": "office",
        },
        "secret": "canary pass",
    }


async def _remove_provider(stage: Stage) -> dict[str, Any]:
    saved = await stage.client.call("providers.save", **await _save_provider(stage))
    return {"providerId": saved["id"]}


async def _test_provider(stage: Stage) -> dict[str, Any]:
    return await _remove_provider(stage) | {"recipient": "ada@example.org"}


async def _retry_outbox(stage: Stage) -> dict[str, Any]:
    tested = await stage.client.call("providers.test", **await _test_provider(stage))
    return {"ids": [tested["messageId"]], "action": "cancel"}


async def _create_link(stage: Stage) -> dict[str, Any]:
    return {
        "studentId": stage.school.student["id"],
        "amount": {"amount": 4_500, "currency": "EUR"},
        "description": "Fahrstunde",
    } | keyed()


async def _retry_link(stage: Stage) -> dict[str, Any]:
    payment = await stage.client.call("payments.createLink", **await _create_link(stage))

    async def refuse(work: Work) -> None:
        [lease] = await work.due.lease(1, held=(), room={"payment": 1})
        await work.outbox.fail(lease, "the service refuses it (422)")
        ended = Ended(lease.id, lease.message.channel, lease.message.owner_id)
        await follow_request(work, ended, MessageState.FAILED)

    await stage.app.store.write(refuse, actor="tests")
    return {"paymentId": payment["id"]}


async def _save_webhook(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (needs nothing)
    return {"url": "https://hooks.example.org/", "types": ["lessons.booked"]}


async def _remove_webhook(stage: Stage) -> dict[str, Any]:
    saved = await stage.client.call("webhooks.save", **await _save_webhook(stage))
    return {"webhookId": saved["webhook"]["id"]}


async def _receive_webhook(stage: Stage) -> dict[str, Any]:
    service = {"channel": "payment", "name": "Service", "web": {"url": "https://pay.example"}}
    provider = await stage.client.call("providers.save", **service, secret=PASSWORD)
    payment = await stage.client.call("payments.createLink", **await _create_link(stage))
    body = orjson.dumps({"type": "payment.failed", "reference": payment["id"]})
    now = stage.app.store.clock.now_ms() // 1_000
    # Whoever it is, his signature is asked for, and nothing else.
    stage.actor = "nobody"
    return {
        "provider": provider["id"],
        "headers": sign("evt_1", body, at_seconds=now, secrets=[PASSWORD]),
        "rawBody": body.decode(),
    }


async def _rekey(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (needs nothing)
    return {"newDatabaseKey": "B" * 42 + "A"}


async def _revoke_session(stage: Stage) -> dict[str, Any]:
    await stage.sign_in()
    other = await (await sign_in(stage.app)).call("auth.me")
    return {"sessionId": other["session"]["id"]}


async def _save_user(stage: Stage) -> dict[str, Any]:
    await stage.sign_in()
    return {"login": "eva", "roles": ["office"]}


async def _run_schedule(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (needs nothing)
    return {"name": "upkeep"}


async def _save_schedule(stage: Stage) -> dict[str, Any]:  # noqa: ARG001 (needs nothing)
    return {"name": "upkeep", "cron": "0 5 * * *"}


async def _create_feed(stage: Stage) -> dict[str, Any]:
    return {"kind": "instructor", "ownerId": stage.school.instructor["id"]}


async def _revoke_feed(stage: Stage) -> dict[str, Any]:
    made = await stage.client.call("feeds.create", **await _create_feed(stage))
    return {"feedId": made["feed"]["id"]}


EXAMPLES: dict[str, Example] = {
    "apikeys.create": _create_api_key,
    "apikeys.revoke": _revoke_api_key,
    "auth.bootstrap": _bootstrap,
    "auth.changePassword": _change_password,
    "auth.login": _log_in,
    "auth.logout": _sign_in,
    "auth.mfaEnrol": _sign_in,
    "auth.refresh": _refresh,
    "backups.create": _create_backup,
    "backups.restore": _inspect_backup,
    "backups.verify": _verify_backup,
    "branches.save": _save_branch,
    "consents.set": _set_consent,
    "exports.start": _export,
    "feeds.create": _create_feed,
    "feeds.revoke": _revoke_feed,
    "instructors.save": _save_instructor,
    "jobs.cancel": _cancel_job,
    "keys.rekey": _rekey,
    "lessons.book": _book_lesson,
    "lessons.cancel": _cancel_lesson,
    "lessons.reschedule": _reschedule_lesson,
    "notifications.send": _notify,
    "schedules.run": _run_schedule,
    "schedules.save": _save_schedule,
    "outbox.retry": _retry_outbox,
    "payments.createLink": _create_link,
    "payments.retryLink": _retry_link,
    "providers.remove": _remove_provider,
    "providers.save": _save_provider,
    "providers.test": _test_provider,
    "sessions.revoke": _revoke_session,
    "students.create": _create_student,
    "students.transition": _transition_student,
    "students.update": _update_student,
    "templates.save": _save_template,
    "users.save": _save_user,
    "vehicles.save": _save_vehicle,
    "webhooks.receive": _receive_webhook,
    "webhooks.remove": _remove_webhook,
    "webhooks.save": _save_webhook,
}
