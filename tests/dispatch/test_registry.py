"""What `@method` makes of a handler, and what a registry refuses."""

from types import ModuleType

import pytest

from rpcbackend.begin import begin_job
from rpcbackend.context import Context
from rpcbackend.dispatch.kept import Kept
from rpcbackend.dispatch.registry import Idempotency, Kind, Method, Registry, method
from rpcbackend.errors import NotFoundError
from rpcbackend.running import Conclude, Running
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.jobs import JobStarted, Started
from rpcbackend.security.roles import Permission
from rpcbackend.store import Work
from tests.machine import Label, Machine, Said, make_registry, ping, say


@method(
    "test.list",
    permission=Permission.STUDENTS_READ,
    kind="command",
    lane="control",
    errors=(NotFoundError,),
    events=("students.created",),
)
async def list_page(ctx: Context, params: Label) -> Encoded[Said]:  # noqa: ARG001 (a toy)
    """Return a page.

    More is said here.
    """
    return Encoded(b"{}")


@method("test.play", permission=Permission.PUBLIC, kind="job")
async def play(ctx: Context, params: Label) -> Started[Said]:
    """Begin a job that says its label."""

    async def conclude(_: Work) -> Said:
        return Said(text=params.label)

    async def run(job: Running) -> Conclude[Said]:
        job.report(1, 2, "almost")
        return conclude

    return await begin_job(ctx, run)


def test_a_job_s_channel_answers_the_job_and_knows_what_that_will_answer() -> None:
    assert (play.result, play.job_result) == (JobStarted, Said)
    assert (play.cost, play.rate_class, play.may_repeat) == ("heavy", "heavy", True)


def test_jobs_and_nothing_else_answer_that_they_began() -> None:
    async def silent(ctx: Context, params: Label) -> Said:
        raise NotImplementedError

    async def sly(ctx: Context, params: Label) -> Started[Said]:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"test\.silent: jobs, and nothing else, answer Started"):
        method("test.silent", permission=Permission.PUBLIC, kind="job")(silent)
    with pytest.raises(TypeError, match=r"test\.sly"):
        method("test.sly", permission=Permission.PUBLIC, kind="command")(sly)


def test_a_method_knows_its_models_and_words_from_the_handler() -> None:
    assert list_page == Method(
        channel="test.list",
        handler=list_page.handler,
        params=Label,
        result=Said,
        permission=Permission.STUDENTS_READ,
        kind="command",
        lane="control",
        cost="light",
        needs_store=True,
        idempotency="key",
        errors=(NotFoundError,),
        events=("students.created",),
        main_only=False,
        step_up=False,
        job_result=None,
    )
    assert list_page.rate_class == "command"
    assert list_page.summary == "Return a page."
    assert list_page.description == "Return a page.\n\nMore is said here."


def test_a_method_is_a_query_of_the_work_lane_that_needs_the_store_unless_it_says_otherwise() -> (
    None
):
    @method("test.plain", permission=Permission.PUBLIC)
    async def plain(ctx: Context, params: Label) -> Said:  # noqa: ARG001 (a toy)
        return Said(text="")

    assert (plain.kind, plain.lane, plain.needs_store) == ("query", "work", True)
    assert (plain.errors, plain.events, plain.summary) == ((), (), "")


@pytest.mark.parametrize(
    ("kind", "needs_store", "said", "idempotency", "may_repeat"),
    [
        ("command", True, None, "key", True),
        ("command", True, "once", "once", True),
        ("command", True, "natural", "natural", True),
        ("command", True, "none", "none", False),
        ("command", False, None, "natural", False),
        ("query", True, None, "natural", False),
    ],
)
def test_a_method_says_how_a_repeated_delivery_behaves(
    kind: Kind,
    needs_store: bool,
    said: Idempotency | None,
    idempotency: Idempotency,
    may_repeat: bool,
) -> None:
    made = method(
        "test.say",
        permission=Permission.PUBLIC,
        kind=kind,
        needs_store=needs_store,
        idempotency=said,
    )(say.handler)

    assert (made.idempotency, made.may_repeat) == (idempotency, may_repeat)


async def test_a_method_can_be_called_like_its_handler() -> None:
    machine = Machine(say)
    assert machine.host is not None

    answered = await say(None, Label(label="direct"))  # type: ignore[arg-type]  # it takes no context

    assert answered == Said(text="direct")


def test_a_registry_lists_its_channels_by_name() -> None:
    registry = make_registry(say, ping, list_page)

    assert list(registry) == [list_page, ping, say]
    assert len(registry) == 3
    assert registry.get("test.say") is say
    assert registry.get("test.none") is None


def test_a_channel_in_the_wrong_area_is_refused() -> None:
    with pytest.raises(ValueError, match=r"test\.say does not belong into students\.py"):
        make_registry(say, area="students")


def test_a_channel_that_is_registered_twice_is_refused() -> None:
    area = ModuleType("test")
    vars(area).update(say=say, again=say)

    with pytest.raises(ValueError, match=r"test\.say is registered twice"):
        Registry(area)


def test_an_area_is_named_like_its_module_unless_it_says_otherwise() -> None:
    area = ModuleType("somewhere.test")
    vars(area).update(say=say, something="else")

    assert list(Registry(area)) == [say]


@pytest.mark.parametrize(
    ("kept", "kind", "needs_store"),
    [
        (Kept("lists"), "command", True),
        (Kept("lists"), "query", False),
        (Kept("said:{name}"), "query", True),
    ],
    ids=["a command", "not of the store", "a param that is not there"],
)
def test_only_answers_to_queries_of_the_store_are_kept(
    kept: Kept, kind: Kind, needs_store: bool
) -> None:
    async def show(ctx: Context, params: Label) -> Said:
        raise NotImplementedError

    with pytest.raises(TypeError, match="kept are answers to queries"):
        method(
            "test.show",
            permission=Permission.PUBLIC,
            kind=kind,
            needs_store=needs_store,
            kept=kept,
        )(show)
