"""Pictures of all pages for people for the documents: `python -m support.screens FOLDER`, or `make screens`."""

import asyncio
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from support.chromium import NARROW, WIDE, Chromium, Scheme, chromium
from support.showcase import PAGES, showcase

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
QUALITY = 50


async def take(url: str, folder: Path, profile: Path) -> None:
    """Write a picture of each page at two widths and in both color schemes."""
    folder.mkdir(parents=True, exist_ok=True)
    async with chromium(profile) as browser:
        for (name, path), width, scheme in product(PAGES.items(), (NARROW, WIDE), SCHEMES):
            picture = await _picture(browser, f"{url}{path}", width, scheme)
            (folder / f"{name}-{width}-{scheme}.webp").write_bytes(picture)


async def _picture(browser: Chromium, url: str, width: int, scheme: Scheme) -> bytes:
    async with browser.page(width, scheme) as page:
        await page.open(url)
        return await page.picture(QUALITY)


def main() -> None:
    """Take them of an index with sample content."""
    with TemporaryDirectory() as home, showcase(Path(home)) as server:
        asyncio.run(take(server.url, Path(sys.argv[1]), Path(home) / "profile"))


if __name__ == "__main__":
    main()
