"""Every transcript that was kept still comes again (docs/transcripts.md)."""

from pathlib import Path

import pytest

from rpcbackend.transcripts.files import open_transcript
from rpcbackend.transcripts.outcome import Wish
from rpcbackend.transcripts.replay import Replay
from rpcbackend.transcripts.rules import ALWAYS
from tests.clauses import clause

KEPT = sorted(path for path in (Path(__file__).parent / "kept").glob("*.jsonl"))


@clause("transcript-replays")
@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
async def test_what_was_kept_comes_again(path: Path, tmp_path: Path) -> None:
    # New members, or another order of them, are no reason to record it anew.
    wish = Wish(rules=ALWAYS | {"members"})

    outcome = await Replay(open_transcript(path), tmp_path / "data", wish).run()

    assert [str(difference) for difference in outcome.differences] == []
    assert outcome.count == outcome.dropped == 0
    assert outcome.compared > 0
