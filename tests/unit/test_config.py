"""Settings: what wins over what, and that a typo is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from runferry.config import DEFAULT_RATE_LIMITS, load_settings
from runferry.errors import InvalidRequest


def write(folder: Path, text: str) -> Path:
    (folder / "settings.toml").write_text(text)
    return folder


def test_without_a_file_the_defaults_hold(tmp_path: Path, home: Path) -> None:
    settings = load_settings(tmp_path / "not-there")
    assert (settings.host, settings.port, settings.connect_timeout) == ("127.0.0.1", 23300, 15.0)
    assert settings.rate_limits == DEFAULT_RATE_LIMITS
    assert settings.ssh_config == home / ".ssh/config"
    assert settings.user_known_hosts == home / ".ssh/known_hosts"
    assert settings.known_hosts == tmp_path / "not-there/known_hosts"
    assert not (tmp_path / "not-there").exists()


def test_the_data_dir_is_the_argument_then_the_environment_then_the_platforms(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert load_settings().data_dir == home / ".local/share/runferry"
    monkeypatch.setenv("RUNFERRY_DATA_DIR", str(tmp_path / "env"))
    assert load_settings().data_dir == tmp_path / "env"
    assert load_settings(tmp_path / "arg").data_dir == tmp_path / "arg"


def test_arguments_win_over_the_file_and_none_means_not_given(tmp_path: Path) -> None:
    write(tmp_path, 'host = "::1"\nport = 1000\nstrict_host_keys = true\n[rate_limits]\nconnect = 0\n')
    settings = load_settings(tmp_path, host=None, port=2000)
    assert (settings.host, settings.port, settings.strict_host_keys) == ("::1", 2000, True)
    assert settings.rate_limits == {**DEFAULT_RATE_LIMITS, "connect": 0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 1", "unknown key 'colour'"),
        ('data_dir = "/x"', "unknown key 'data_dir'"),
        ('port = "80"', "port cannot be '80'"),
        ("port = true", "port cannot be True"),
        ("port = 70000", "port cannot be 70000"),
        ("connect_timeout = 0", "connect_timeout cannot be 0"),
        ("strict_host_keys = 1", "strict_host_keys cannot be 1"),
        ('host = ""', "host cannot be ''"),
        ("[rate_limits]\nconnect = -1", "rate_limits cannot be"),
        ("[rate_limits]\nother = 1", "rate_limits cannot be"),
        ("= 1", "is not valid TOML"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        load_settings(write(tmp_path, text))
    assert str(tmp_path / "settings.toml") in str(caught.value)


def test_an_unknown_argument_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="colour"):
        load_settings(tmp_path, colour=1)
