"""The school's own templates as rows."""

from typing import Any

from rpcbackend.schema.base import Language
from rpcbackend.schema.consents import MessageChannel
from rpcbackend.schema.templates import StoredTemplate, TemplateKind
from rpcbackend.store import Store, Work
from tests.factories import an_id


def make_template(number: int = 1, **given: Any) -> StoredTemplate:
    fields: dict[str, Any] = {
        "id": an_id("tpl", number),
        "kind": TemplateKind.MESSAGE,
        "channel": MessageChannel.MAIL,
        "language": Language.DE,
        "subject": "S",
        "text": "T",
        "version": 1,
    }
    return StoredTemplate(**fields | given)


async def test_words_are_those_of_their_use_as_they_were_saved_last(store: Store) -> None:
    use = TemplateKind.MESSAGE, MessageChannel.MAIL, Language.DE
    other = make_template(2, language=Language.EN, text="E")

    async def unit(work: Work) -> list[Any]:
        found = [await work.templates.words(*use)]
        for text in ("T", "U", None):
            await work.templates.put(make_template(text=text))
            found.append(await work.templates.words(*use))
        await work.templates.put(other)
        return [*found, await work.templates.all()]

    assert await store.write(unit, actor="tests") == [
        *(None, ("S", "T"), ("S", "U"), None),
        [make_template(text=None), other],
    ]
