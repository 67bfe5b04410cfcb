"""A user who manages the whole of a made-up index."""

import msgspec

from support.access import ACCESS, token_of
from support.http import Client
from support.sessions import session_of
from wheelyard_server.access import tokens
from wheelyard_server.access.access_file import User
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.settings import Settings

BOSS = token_of("boss")


def with_manager(settings: Settings) -> Settings:
    """Write an access file with a user who may do everything, and return the settings that name it."""
    access = msgspec.structs.replace(
        ACCESS,
        users=(*ACCESS.users, User(name="it.boss", token_digests=(tokens.digest(BOSS),))),
        grants=(*ACCESS.grants, Grant(subjects=("user:it.boss",), packages=("*",), verbs=tuple(Verb))),
    )
    settings.access_file.write_bytes(msgspec.yaml.encode(access))
    return settings


async def page_of(client: Client, path: str, token: str = BOSS) -> str:
    """Return a page as a user sees it."""
    answer = await client.get(path, headers=await session_of(client, token))
    text = await answer.text()
    assert answer.status == 200, text
    return text


async def refusals(client: Client, path: str, *users: str) -> list[int]:
    """Return the statuses of a page without a login and for users."""
    sessions = [{}, *[await session_of(client, each) for each in users]]
    return [(await client.get(path, headers=each, allow_redirects=False)).status for each in sessions]
