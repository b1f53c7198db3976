"""The school's own templates as rows."""

from rpcbackend.schema.base import Language
from rpcbackend.schema.consents import MessageChannel
from rpcbackend.schema.templates import StoredTemplate, TemplateKind
from rpcbackend.store.table import Table
from rpcbackend.store.transaction import Transaction

MOST = 1_000
"""A list without pages: kinds, channels and languages are few."""

_TABLE = Table(StoredTemplate, "templates", noun="template")

_ONE = """
SELECT subject, text FROM templates
WHERE school_id = :school AND kind = :kind AND language = :language AND channel = :channel
  AND text IS NOT NULL
"""


class Templates:
    """The templates of one school, as far as it has words of its own."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, template: StoredTemplate) -> None:
        """Keep the school's own words, in the place of those before."""
        await _TABLE.put(self._tx, template)

    async def all(self) -> list[StoredTemplate]:
        """Return all that were ever saved."""
        rows = await _TABLE.list_encoded(self._tx, where="true", order="id", limit=MOST)
        return [StoredTemplate.model_validate_json(row["json"]) for row in rows]

    async def words(
        self, kind: TemplateKind, channel: MessageChannel, language: Language
    ) -> tuple[str | None, str] | None:
        """Return subject and text of the school's own words, or None if it has none."""
        row = await self._tx.one(_ONE, kind=kind, channel=channel, language=language)
        return (row["subject"], row["text"]) if row else None
