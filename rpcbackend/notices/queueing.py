"""Messages to students, queued and withdrawn, each with its event."""

from rpcbackend.store import Ended, Message, Work, told_of_message


async def send(work: Work, message: Message) -> str | None:
    """Queue a message and return its id; None if its key was used before."""
    message_id = await work.outbox.add(message)
    if message_id is not None:
        await _tell(work, "queued", Ended(message_id, message.channel, message.owner_id))
    return message_id


async def send_otherwise(work: Work, message_id: str, message: Message) -> None:
    """Let a message that waits go another way."""
    await work.waiting.send_otherwise(message_id, message)
    await _tell(work, "queued", Ended(message_id, message.channel, message.owner_id))


async def withdraw(work: Work, about: str, channel: str | None = None) -> list[str]:
    """Send no more of what is about something, and return the keys of what surely never was.

    Args:
        work: The unit of work.
        about: What the dedupe keys begin with.
        channel: Only what goes this way.
    """
    withdrawn = await work.waiting.withdraw(about, channel)
    for each in withdrawn:
        await _tell(work, "cancelled", each.message)
    return [each.key for each in withdrawn if each.is_unsent]


async def _tell(work: Work, happened: str, message: Ended) -> None:
    aggregate = ("message", message.id, 1)
    await work.record(f"messages.{happened}", aggregate, told_of_message(message))
