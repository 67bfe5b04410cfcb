"""READMEs on a machine that may be too busy to render them at once."""

import asyncio

from support.patience import HANG_SECONDS
from wheelyard_server.readmes.readmes import Readmes


async def until_rendered(readmes: Readmes, text: str, content_type: str) -> None:
    """Ask for a README until it is rendered."""
    async with asyncio.timeout(HANG_SECONDS):
        while readmes.cached(readmes.key(text, content_type)) is None:
            await readmes.html(text, content_type, "a")
