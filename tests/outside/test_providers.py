"""What a provider shows of itself."""

from rpcbackend.outside.providers import MailProvider, WebProvider


def test_a_provider_shows_no_secret() -> None:
    mail = MailProvider(
        host="mail.example",
        port=587,
        security="starttls",
        sender="office@school.example",
        username="office",
        password="CANARY",  # noqa: S106 (must not be shown)
    )
    web = WebProvider(url="https://sms.example/v1", secret="CANARY")  # noqa: S106 (must not be shown)

    assert "CANARY" not in f"{mail!r} {web!r} {mail} {web}"
