"""Which prompts are the password's, and which are a person's."""

from __future__ import annotations

import pytest

from runferry.ssh.login import PASSWORD_PROMPT, make_readable


@pytest.mark.parametrize(
    "prompt",
    [
        *("Password:", "Password: ", "password", "(ann@gpu1) Password: ", "ann@gpu1's password: "),
        *("Password for ann@gpu1:", "Enter your password:", "LDAP Password: ", "UNIX password:"),
    ],
)
def test_a_password_prompt_is_known(prompt: str) -> None:
    assert PASSWORD_PROMPT.fullmatch(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        *("Verification code: ", "One-time password (OATH) for `ann': ", "One-time password:", "OTP password:"),
        *("New password:", "Passcode:", "Password and code: ", "Duo password or PIN:", ""),
    ],
)
def test_a_prompt_for_anything_else_is_left_to_a_person(prompt: str) -> None:
    assert not PASSWORD_PROMPT.fullmatch(prompt)


def test_instructions_go_before_the_first_question() -> None:
    assert make_readable("Push sent.\n", [("A\x00: ", True), ("B: ", False)]) == [
        ("Push sent.\nA: ", True),
        ("B: ", False),
    ]
