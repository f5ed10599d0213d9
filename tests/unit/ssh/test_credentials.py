"""Secrets stay secret, and keys that cannot be used say why."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import asyncssh
import pytest

from runferry.errors import InvalidCredentials
from runferry.ssh.credentials import Credentials, Secret
from runferry.ssh.given_keys import load_given_keys


def test_a_secret_shows_as_stars_however_it_is_printed() -> None:
    secret = Secret("hunter2")
    credentials = Credentials(password=secret, private_key=secret, passphrase=secret)
    shown = f"{secret} {secret!r} {secret!s:>5} {[secret]} {credentials} %s %r" % (secret, credentials)
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"


def test_a_secret_is_never_serialized() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("x"))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret("x"))


def test_secrets_compare_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret.of("") is Secret.of(None) is None
    assert Secret.of("a") == Secret("a")


def test_nothing_given_and_no_agent_is_empty() -> None:
    assert Credentials(use_agent=False).is_empty
    assert not Credentials().is_empty
    assert not Credentials(private_key_path="x", use_agent=False).is_empty


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem"])
def test_keys_of_every_usual_kind_and_form_are_read(tmp_path: Path, kind: str, form: str) -> None:
    key = asyncssh.generate_private_key(kind)
    (tmp_path / "key").write_bytes(key.export_private_key(form))
    by_path = Credentials(private_key_path=str(tmp_path / "key"))
    by_text = Credentials(private_key=Secret(f"\r\n {key.export_private_key(form).decode()}  "))
    for credentials in (by_path, by_text):
        (pair,) = load_given_keys(credentials)
        assert pair.public_data == key.public_data


def test_a_home_is_filled_in_for_the_tilde(home: Path) -> None:
    (home / "key").write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    assert load_given_keys(Credentials(private_key_path="~/key"))


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem"])
@pytest.mark.parametrize(("passphrase", "words"), [(None, "is encrypted"), ("wrong", "passphrase does not open")])
def test_an_encrypted_key_says_what_it_wants(form: str, passphrase: str | None, words: str) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    text = key.export_private_key(form, passphrase="right", rounds=16, ignore_few_rounds=True).decode()
    credentials = Credentials(private_key=Secret(text), passphrase=Secret.of(passphrase))
    with pytest.raises(InvalidCredentials, match=words):
        load_given_keys(credentials)


def test_a_public_key_is_no_private_key_and_no_key_text_is_quoted() -> None:
    text = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(InvalidCredentials, match="not a private key") as caught:
        load_given_keys(Credentials(private_key=Secret(text)))
    assert text.split()[1] not in str(caught.value)
    assert caught.value.__cause__ is None
