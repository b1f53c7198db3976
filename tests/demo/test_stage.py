"""How the demo looks."""

import pytest

from rpcbackend.demo.stage import WIDTH, Stage


def test_long_requests_are_shortened_and_ids_too(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage()

    stage.sent("lessons.get", {"lessonId": "les_019a7220-22a0-7000-ac26-3805a85f0fc0"})
    stage.sent("students.list", {"text": "x" * 200})

    short, long = capsys.readouterr().out.splitlines()
    assert short == '   →  lessons.get {"lessonId":"les_…5f0fc0"}'
    assert len(long) == WIDTH
    assert long.endswith("x…")


def test_scenes_are_numbered_and_answers_tell_their_latency(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage = Stage()

    stage.open("A title", "An opening.")
    stage.scene("One", "First.")
    stage.scene("Two", "Second.")
    stage.answered("Yes.", 1.25)
    stage.answered("No.", 2.0, is_refusal=True)
    stage.explained("Because.")
    stage.heard("News.")
    stage.close([("End", "Bye.")])

    lines = [
        " ".join(line.strip("│─╭╮╰╯ ").split()) for line in capsys.readouterr().out.splitlines()
    ]
    assert [line for line in lines if line] == [
        *("A title", "An opening.", "1 One", "First.", "2 Two", "Second."),
        *("← Yes. 1.2 ms", "✗ No. 2.0 ms", "Because.", "⚡ News."),
        *("That was it", "End Bye."),
    ]
