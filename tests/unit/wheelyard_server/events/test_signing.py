"""Signatures have the form of Standard Webhooks, and the secret is read again for each."""

from pathlib import Path

import pytest

from wheelyard_server.events.signing import SecretFolder, UnusableSecretError, signatures

LONG = "b" * 32


def test_a_signature_is_that_of_the_specification(tmp_path: Path) -> None:
    # The example of https://www.standardwebhooks.com, which all its libraries test.
    (tmp_path / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    keys = SecretFolder(tmp_path).keys()
    made = signatures(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_events_are_signed_with_both_secrets(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(LONG)
    folder = SecretFolder(tmp_path)
    (old,) = folder.keys()
    (tmp_path / "previous").write_text(LONG)
    (tmp_path / "secret").write_text("c" * 32)
    new, previous = folder.keys()
    assert (previous == old) != (new == old)
    assert len(signatures((new, previous), "id", 1, b"").split(" ")) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "has no `secret`"),
        ("", "has no `secret`"),
        ("\n", "has no `secret`"),
        ("short", "of 5 bytes: use 24 to 64"),
        ("x" * 65, "of 65 bytes"),
        ("whsec_not base64", "not valid base64"),
        ("whsec_c2hvcnQ=", "of 5 bytes"),
        ("whsec_c2hvcnQ", "of 5 bytes"),
    ],
)
def test_no_event_is_signed_with_a_secret_that_can_be_guessed(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "secret").write_text(text)
    with pytest.raises(UnusableSecretError, match=said):
        SecretFolder(tmp_path).keys()


def test_a_damaged_previous_secret_is_no_silent_end_of_the_rotation(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(LONG)
    (tmp_path / "previous").write_text("short")
    with pytest.raises(UnusableSecretError, match="`previous`"):
        SecretFolder(tmp_path).keys()
