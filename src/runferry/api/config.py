"""Where Runferry keeps its data, and saved connections. No answer of it ever holds a secret."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from runferry import __version__
from runferry.api.access import TheService, describe_errors
from runferry.api.answers import Answer, MessageAnswer
from runferry.api.schemas import BlankIsMissing, Body, Hidden, Line, LocalPath, Port
from runferry.api.unified import reveal
from runferry.service.configuration import ConfigView
from runferry.service.saved import PASSPHRASE, PASSWORD, PRIVATE_KEY, Saved, SavedView, SaveRequest

router = APIRouter(prefix="/api/config", tags=["config"])

Method = Literal["password", "key", "agent"]
Key = Annotated[str, Path(max_length=600, description="`user@host:port`, as the list says.")]


class ConfigAnswer(Answer):
    user_root_dir: Annotated[str, Field(description="Where data is kept from the next start on.")]
    storage: Annotated[str, Field(description="Where data is kept now.")]
    config_file: Annotated[str, Field(description="What names `user_root_dir`; it exists once one was chosen.")]
    version: str
    needs_restart: Annotated[bool, Field(description="The two places differ.")]


class RootBody(Body):
    path: Annotated[str, Field(min_length=1, max_length=4096, examples=["/home/me/experiments"])]


class RootAnswer(MessageAnswer):
    user_root_dir: str
    needs_restart: bool


class SavedAnswer(Answer):
    """`has_password` and `has_private_key` say what is at hand for a login; the secrets themselves are never told."""

    key: str
    host: str
    port: int
    username: str
    name: str
    auth_method: Annotated[str, Field(description="password, key or agent", examples=["agent"])]
    has_password: bool
    has_private_key: bool
    has_passphrase: bool
    private_key_path: str | None


class SavedListAnswer(Answer):
    connections: list[SavedAnswer]


class SavedDetailsAnswer(SavedAnswer):
    saved_at: float
    in_memory_only: Annotated[list[str], Field(description="Secrets that are lost when this server ends.")]


class SaveBody(Body):
    """A connection to save; saving the same user, host and port again updates it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"host": "gpu-server.com", "username": "user", "name": "GPU 1", "auth_method": "agent"}
        }
    )

    host: Line
    port: Annotated[Port | None, Field(description="Default: 22.")] = None
    username: Line
    name: Annotated[Annotated[str, Field(max_length=255)] | None, BlankIsMissing] = None
    auth_method: Annotated[Method | None, Field(description="Default: what is given says it, else the agent.")] = None
    password: Hidden = None
    private_key: Annotated[Hidden, Field(description="The key's text.")] = None
    private_key_path: LocalPath = None
    passphrase: Hidden = None
    remember_password: Annotated[
        bool | None,
        Field(
            description="True keeps the secrets given here in the system's keyring, false forgets all kept ones; "
            "without it secrets given here are not kept, and those kept before stay."
        ),
    ] = None


class SaveAnswer(MessageAnswer):
    connection: SavedAnswer
    is_new: bool
    secret_stored: Annotated[bool | None, Field(description="Null where there was none to be stored.")]


@router.get("", response_model=ConfigAnswer, responses=describe_errors(400, 429, 500))
async def show_config(service: TheService) -> ConfigAnswer:
    """Tell where Runferry keeps its data."""
    view = await service.configuration.view()
    return ConfigAnswer(
        user_root_dir=str(view.chosen),
        storage=str(view.storage),
        config_file=str(view.file),
        version=__version__,
        needs_restart=view.needs_restart,
    )


@router.post("/user_root_dir", response_model=RootAnswer, responses=describe_errors(400, 429, 500))
async def choose_root(body: RootBody, service: TheService) -> RootAnswer:
    """Keep data in another directory from the next start on. It must exist and be writable; nothing is moved there."""
    view = await service.configuration.choose(body.path)
    return RootAnswer(
        ok=True, message=tell_choice(view), user_root_dir=str(view.chosen), needs_restart=view.needs_restart
    )


@router.get("/ssh_connections", response_model=SavedListAnswer, responses=describe_errors(429, 500))
async def list_connections(service: TheService) -> SavedListAnswer:
    """List the saved connections. Any can be connected by `{"saved": key}`."""
    return SavedListAnswer(connections=[shape(view) for view in await service.saved_connections.all()])


@router.post("/ssh_connections", response_model=SaveAnswer, responses=describe_errors(400, 429, 500, 507))
async def save_connection(body: SaveBody, service: TheService) -> SaveAnswer:
    """Save a connection, or update it. Secrets go to the system's keyring, or stay in memory where there is none."""
    given = {
        PASSWORD: reveal(body.password),
        PRIVATE_KEY: reveal(body.private_key),
        PASSPHRASE: reveal(body.passphrase),
    }
    request = SaveRequest(
        host=body.host,
        username=body.username,
        port=body.port,
        name=body.name,
        auth_method=body.auth_method,
        private_key_path=body.private_key_path,
        secrets={name: secret for name, secret in given.items() if secret is not None},
        remembers=body.remember_password,
    )
    saved = await service.saved_connections.save(request)
    return SaveAnswer(
        ok=True,
        message=tell_saved(saved, is_given=bool(request.secrets)),
        connection=shape(saved.view),
        is_new=saved.is_new,
        secret_stored=saved.is_stored if saved.is_stored is not None else False if request.secrets else None,
    )


@router.get(
    "/ssh_connections/{key:whole}/details", response_model=SavedDetailsAnswer, responses=describe_errors(404, 429, 500)
)
async def show_connection(key: Key, service: TheService) -> SavedDetailsAnswer:
    """Show one saved connection. Its secrets are not told."""
    view = await service.saved_connections.get(key)
    return SavedDetailsAnswer(
        **shape(view).model_dump(), saved_at=view.saved.saved_at, in_memory_only=sorted(view.in_memory)
    )


@router.delete("/ssh_connections/{key:whole}", response_model=MessageAnswer, responses=describe_errors(404, 429, 500))
async def delete_connection(key: Key, service: TheService) -> MessageAnswer:
    """Forget a saved connection and its secrets. An open connection stays open."""
    await service.saved_connections.delete(key)
    return MessageAnswer(ok=True, message=f"Forgot {key} and its secrets")


def shape(view: SavedView) -> SavedAnswer:
    saved = view.saved
    return SavedAnswer(
        key=saved.key,
        host=saved.host,
        port=saved.port,
        username=saved.username,
        name=saved.name,
        auth_method=saved.auth_method,
        has_password=PASSWORD in view.secrets,
        has_private_key=PRIVATE_KEY in view.secrets or saved.private_key_path is not None,
        has_passphrase=PASSPHRASE in view.secrets,
        private_key_path=saved.private_key_path,
    )


def tell_choice(view: ConfigView) -> str:
    if not view.needs_restart:
        return f"{view.storage} is in use already"
    return (
        f"{view.chosen} is used from the next start on (not where --data-dir or RUNFERRY_DATA_DIR says otherwise); "
        f"until then data is kept in {view.storage}"
    )


def tell_saved(saved: Saved, *, is_given: bool) -> str:
    done = "Saved" if saved.is_new else "Updated"
    if saved.is_stored is None:
        return f"{done}; the secret was not stored, since remember_password is not set" if is_given else done
    if saved.is_stored:
        return f"{done}; the secret is in the keyring of this system"
    return f"{done}; the secret was not stored: this system has no usable keyring. It is kept in memory until restart"
