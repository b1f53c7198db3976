"""Answer a query from memory while what it asks for is as it was, and say which state that is."""

from functools import partial

from rpcbackend.dispatch.call import Call, Proceed
from rpcbackend.dispatch.kept import Key, key_of, rev_of
from rpcbackend.dispatch.registry import Result
from rpcbackend.resilience.answers import Answer, Answers
from rpcbackend.resilience.usage import Usage
from rpcbackend.schema.base import Empty, Encoded, Params

_UNCHANGED: Encoded[Empty] = Encoded(b"{}")


class Cache:
    """The ring around the methods whose answers may be kept (`Method.kept`).

    Args:
        answers: Where they are.
        usage: Counts what is asked by those who see everything; None counts nothing.
    """

    def __init__(self, answers: Answers, usage: Usage[Key, Params] | None = None) -> None:
        self._answers, self._usage = answers, usage

    async def __call__(self, call: Call, proceed: Proceed) -> Result:
        """Answer from memory, or ask and remember.

        With `_meta.ifRev` of what would be the answer it answers `notModified` alone.
        """
        context, kept = call.context, call.method.kept
        assert kept is not None  # noqa: S101 (there is no such ring around other methods)
        store, sight = context.host.store, context.sight
        # Noted before the revision is, so it never claims an event that the answer lacks.
        seq = store.head_seq
        revision = store.tags.revision(kept.tags(call.params, sees_all=sight.is_whole))
        if revision is None:
            # Just being changed: the answer may be from before or after.
            return await proceed(call)
        key = key_of(call.method.channel, sight, call.params)
        answers, meta = self._answers, context.result_meta
        answer = answers.find(key, revision)
        rev = meta["rev"] = answer.rev if answer else rev_of(store.tags.epoch, key, revision)
        is_known = context.meta.if_rev == rev
        if answer is None:
            answer = await answers.ask(key, revision, partial(_ask, call, proceed, revision, rev))
        elif not is_known:
            answers.hits += 1
        if self._usage is not None and sight.is_whole and not _is_further_page(call.params):
            self._usage.note(key, call.params)
        meta["seq"] = seq
        if is_known:
            answers.unchanged += 1
            meta["notModified"] = True
            return _UNCHANGED
        return Encoded(answer.json)


def _is_further_page(params: Params) -> bool:
    """Tell whether it goes on from a cursor: nobody begins there after a start."""
    return params.__dict__.get("cursor") is not None


async def _ask(call: Call, proceed: Proceed, revision: int, rev: str) -> Answer:
    result = await proceed(call)
    json = result.json if isinstance(result, Encoded) else result.model_dump_json().encode()
    return Answer(revision, rev, json)
