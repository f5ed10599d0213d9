"""The shapes of requests: bodies are checked strictly (a number in quotes is a wrong type), queries are text anyway.

Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


def take_whole(value: Any) -> Any:
    """JSON knows one kind of number: 22.0 is 22. Anything else is left to the strict check."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def refuse_control(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must not hold control characters")
    return value


def refuse_key_text(value: str) -> str:
    """A key's text in the place of its path would be told back in errors, and be stored."""
    if "PRIVATE KEY" in value or any(ord(character) < 32 for character in value):
        raise ValueError("must be the path of a file; the text of a key belongs into private_key")
    return value


def take_blank_as_missing(value: Any) -> Any:
    """Forms send empty fields as empty strings."""
    return None if value == "" else value


WholeNumber = Annotated[int, BeforeValidator(take_whole)]
Port = Annotated[WholeNumber, Field(ge=1, le=65535)]
Line = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(refuse_control)]
RemotePath = Annotated[str, Field(max_length=4096), AfterValidator(refuse_control)]
Hidden = Annotated[SecretStr | None, BeforeValidator(take_blank_as_missing)]
BlankIsMissing = BeforeValidator(take_blank_as_missing)
LocalPath = Annotated[Annotated[str, Field(max_length=4096), AfterValidator(refuse_key_text)] | None, BlankIsMissing]
Patterns = Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=500)]
Words = Annotated[tuple[Annotated[str, Field(max_length=500)], ...], Field(max_length=100)]
MOST = 2**31
SortKey = Literal[
    "created_time",
    "started_at",
    "ended_at",
    "duration_seconds",
    "status",
    "project",
    "name",
    "id",
    "key",
    "server",
    "best_metric_value",
    "best",
]
ConnectionId = Annotated[
    Annotated[str, Field(max_length=600)] | None,
    BlankIsMissing,
    Field(description="`user@host:port`; without it the current connection is meant."),
]


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class ListdirQuery(BaseModel):
    path: Annotated[str, Field(max_length=4096, description="Empty or `~`: the home directory.")] = "~"
    connection_id: ConnectionId = None
    show_hidden: bool = False
    depth: Annotated[int, Field(ge=1, le=2, description="2 also lists each directory's children.")] = 1
    limit: Annotated[int | None, Field(ge=1, le=MOST)] = None
    offset: Annotated[int, Field(ge=0, le=MOST)] = 0


class RunsQuery(BaseModel):
    server: Annotated[
        Words, Field(description="A server's label; several times: any of them. So are the next three.")
    ] = ()
    project: Words = ()
    name: Words = ()
    status: Words = ()
    q: Annotated[
        str | None,
        Field(
            max_length=2000,
            description="The filter language: words, `field:value`, `key<number`; `-` negates. See docs/api.md.",
            examples=['status:running server:gpu1 lr<1e-3 "my words" -test'],
        ),
    ] = None
    sort: SortKey = "created_time"
    order: Literal["asc", "desc"] = "desc"
    limit: Annotated[int | None, Field(ge=0, le=MOST, description="Without it: all.")] = None
    offset: Annotated[int, Field(ge=0, le=MOST)] = 0


class LoginFields(Body):
    port: Annotated[Port | None, Field(description="Default: 22, or what `~/.ssh/config` says.")] = None
    username: Annotated[
        Line | None,
        Field(description="Required, unless `~/.ssh/config` gives a User for this host.", examples=["user"]),
    ] = None
    password: Hidden = None
    private_key: Annotated[Hidden, Field(description="The key's text.")] = None
    private_key_path: Annotated[LocalPath, Field(description="A file on this machine; `~` is expanded.")] = None
    passphrase: Hidden = None
    use_agent: bool = True
    accept_fingerprint: Annotated[
        str | None,
        Field(
            max_length=200,
            description="The new host key to trust, and no other; what `strict_host_keys` asks for.",
            examples=["SHA256:2Hc1rH0m1ZJc5vCvN0dX4xXb2m4rYc8r0q1m3bq7T3Q"],
        ),
    ] = None
    attempt: Annotated[
        str | None, Field(max_length=200, description="With `answers`: continues a login that asked questions.")
    ] = None
    answers: Annotated[list[SecretStr], Field(max_length=20)] = []


class Login(LoginFields):
    """Where to log in, and with what. With `use_agent` the SSH agent and `~/.ssh` identities are tried too."""

    host: Annotated[Line, Field(examples=["gpu-server.com"])]


class ConnectBody(LoginFields):
    """Where to log in, and with what; or `saved`: then everything else is as saved, unless it is given here.

    With `use_agent` the SSH agent and `~/.ssh` identities are tried too.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "host": "192.168.1.100",
                "port": 22,
                "username": "user",
                "password": "secret123",
                "use_agent": False,
            }
        }
    )

    host: Annotated[Line | None, Field(description="Required, unless `saved` is given.", examples=["gpu1"])] = None
    saved: Annotated[
        str | None,
        Field(max_length=600, description="The `key` of a saved connection.", examples=["user@gpu-server.com:22"]),
    ] = None


class DoctorBody(ConnectBody):
    """As for connecting; with `path` that folder is looked through for runs, too."""

    path: Annotated[str | None, Field(max_length=4096, examples=["/data/experiments"])] = None


class LegacyConnectBody(Login):
    """As the unified API's; `pkey` and `pkey_path` are the older names of `private_key` and `private_key_path`."""

    pkey: Hidden = None
    pkey_path: LocalPath = None


class ConnectionBody(Body):
    connection_id: ConnectionId = None


class HostKeyBody(Body):
    host: Annotated[Line, Field(examples=["gpu-server.com"])]
    port: Port | None = None
    username: Line | None = None


class SyncBody(ConnectionBody):
    mode: Annotated[Literal["smart", "mirror"] | None, Field(description="Default: both.")] = None
    sync_id: Annotated[WholeNumber | None, Field(description="Only this one of the connection's syncs.")] = None


class ConfigureBody(ConnectionBody):
    """How to keep a remote root. Configuring a mode again updates it, or replaces it where the root differs."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "mode": "smart",
                "remote_root": "/data/runicorn",
                "auto_sync": True,
                "sync_interval_minutes": 5,
            }
        }
    )

    mode: Literal["smart", "mirror"]
    remote_root: Annotated[RemotePath, Field(min_length=1, examples=["/data/runicorn"])]
    auto_sync: Annotated[bool, Field(description="Smart mode only; false: one sync now, then on request.")] = True
    sync_interval_minutes: Annotated[float, Field(ge=1, le=1440, allow_inf_nan=False)] = 5
    mirror_interval: Annotated[float, Field(ge=0.5, le=3600, allow_inf_nan=False, description="Seconds.")] = 2.0
    include: Annotated[Patterns, Field(description="gitignore patterns; only what matches is taken.")] = []
    exclude: Annotated[Patterns, Field(description="gitignore patterns; what matches is left out.")] = []
    max_file_size: Annotated[WholeNumber | None, Field(ge=1, le=2**63 - 1, description="Bytes.")] = None
    delete: Annotated[bool, Field(description="Also delete locally what is gone on the server.")] = False
    formats: Annotated[
        list[Line],
        Field(max_length=50, description="Recognise runs of these tools alone, and Runicorn's. Empty: of all."),
    ] = []
    additional: Annotated[
        bool, Field(description="Keep the other roots of this mode too; without it this one replaces them.")
    ] = False


class DeactivateBody(ConnectionBody):
    mode: Annotated[Literal["smart", "mirror"], Field(examples=["smart"])]


class SessionBody(Body):
    session_id: Annotated[Line, Field(max_length=600, examples=["user@192.168.1.100:22"])]


class MirrorStartBody(SessionBody):
    remote_root: Annotated[RemotePath, Field(min_length=1, examples=["/data/runicorn"])]
    interval: Annotated[float, Field(ge=0.5, le=3600, allow_inf_nan=False, description="Seconds.")] = 2.0


class MirrorStopBody(Body):
    task_id: Annotated[Line, Field(examples=["7"])]
