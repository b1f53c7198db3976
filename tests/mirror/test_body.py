"""What is no body, or too much of one."""

import asyncio

import pytest

from rpcbackend.app import Application
from tests.clauses import clause
from tests.mirror.test_guard import CALL, JSON, refusal
from tests.mirror.web import Answer, Web


@clause("mirror-json-only")
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-7",
        "application/json-seq",
        "text/plain; application/json",
        "",
    ],
)
async def test_what_a_form_can_send_is_no_body(web: Web, content_type: str) -> None:
    answer = await web.ask(CALL, body=b"{}", Content_Type=content_type)

    assert refusal(answer) == (415, "INVALID_REQUEST")


async def test_a_body_without_a_type_is_none(web: Web) -> None:
    assert refusal(await web.ask(CALL, body=b"{}")) == (415, "INVALID_REQUEST")


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br", "identity, gzip"])
async def test_a_body_comes_as_it_is(web: Web, coding: str) -> None:
    """What is small on the wire may be endless once it is unpacked."""
    answer = await web.ask(CALL, body=b"{}", Content_Encoding=coding, **JSON)

    assert refusal(answer) == (415, "INVALID_REQUEST")


async def test_a_body_that_says_that_it_is_too_long_is_not_waited_for(web: Web) -> None:
    head = web.head(CALL, Content_Length="1048577", Content_Type="application/json")

    assert refusal(Answer.of(await web.raw(head))) == (413, "REQUEST_TOO_LARGE")


@clause("mirror-json-only")
async def test_a_body_without_an_end_is_cut_off(web: Web, token: str) -> None:
    head = web.head(
        CALL,
        Transfer_Encoding="chunked",
        Content_Type="application/json",
        Authorization=f"Bearer {token}",
    )
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    assert refusal(Answer.of(await web.raw(head, *[chunk] * 20))) == (413, "REQUEST_TOO_LARGE")


async def test_the_body_of_a_stranger_is_not_read_at_all(web: Web) -> None:
    head = web.head(CALL, Transfer_Encoding="chunked", Content_Type="application/json")

    assert refusal(Answer.of(await web.raw(head, b"1\r\n \r\n"))) == (401, "UNAUTHENTICATED")


async def test_the_charset_may_be_quoted(web: Web) -> None:
    answer = await web.ask(CALL, body=b"{}", Content_Type='application/json; charset="UTF-8"')

    assert refusal(answer) == (401, "UNAUTHENTICATED")


async def test_who_leaves_in_the_middle_of_his_body_is_no_bug_of_ours(
    app: Application, web: Web, token: str
) -> None:
    bugs: list[BaseException] = []
    app.dispatcher._report_bug = lambda error, _: bugs.append(error)  # noqa: SLF001
    head = web.head(CALL, Content_Length="10", Authorization=f"Bearer {token}", **JSON)
    reader, writer = await asyncio.open_connection("127.0.0.1", web.mirror.port)
    writer.write(head + b"{")
    writer.write_eof()
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()

    figures = (await web.get("/metrics", token)).text
    assert bugs == []
    assert "INTERNAL_ERROR" not in figures
