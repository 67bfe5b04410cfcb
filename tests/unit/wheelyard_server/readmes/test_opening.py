from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from support.patience import until
from support.readmes import until_rendered
from wheelyard_server.readmes import opening
from wheelyard_server.readmes.kept import KeptReadmes
from wheelyard_server.readmes.opening import open_readmes
from wheelyard_server.settings import Cache, Folder, Settings, StorageSettings
from wheelyard_server.settings.web import WebSettings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        storage=StorageSettings(folder=Folder(path=tmp_path / "unused")),
        access_file=tmp_path / "access.yaml",
        scratch_folder=tmp_path / "scratch",
    )


def ignored(outcome: str) -> None:
    """Count nothing."""


@pytest.mark.parametrize("missing", ["readme_renderer", "comrak"])
async def test_without_the_extra_readmes_are_text_and_the_log_says_how_to_change_that(
    settings: Settings, missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name == missing else find_spec(name))
    readmes = open_readmes(settings, ignored)
    for _ in range(2):
        readme = await readmes.html("# a", "text/markdown", "a")
        assert readme == ('<pre class="text"># a</pre>', "")
    assert caplog.text.count("pip install 'wheelyard[web]'") == 1
    assert readmes.child is None
    await readmes.close()


async def test_a_server_without_pages_says_nothing_of_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _name: None)
    open_readmes(msgspec.structs.replace(settings, web=WebSettings(enabled=False)), ignored)
    assert caplog.text == ""


@pytest.mark.parametrize(("cache_bytes", "readme_bytes"), [(8_000, 1_000), (10 * 1024**3, 64 * 1024**2)])
def test_their_share_of_the_disk_is_small(
    settings: Settings, tmp_path: Path, cache_bytes: int, readme_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Noted(KeptReadmes):
        def __init__(self, folder: Path | None, max_bytes: int) -> None:
            super().__init__(folder, max_bytes)
            made.append(max_bytes)

    monkeypatch.setattr(opening, "KeptReadmes", Noted)
    open_readmes(msgspec.structs.replace(settings, cache=Cache(tmp_path / "cache", cache_bytes)), ignored)
    assert made == [readme_bytes]


async def test_readmes_are_kept_in_the_folder_of_the_cache_and_images_are_a_setting(
    settings: Settings, tmp_path: Path
) -> None:
    with_cache = msgspec.structs.replace(settings, cache=Cache(tmp_path / "cache"), web=WebSettings(images=True))
    readmes = open_readmes(with_cache, ignored)
    image = ("![A](https://example.com/a.png)", "text/markdown")
    await until_rendered(readmes, *image)
    assert '<img src="https://example.com/a.png"' in (await readmes.html(*image, "a")).html
    await until(lambda: not readmes.is_working)
    assert len(list((tmp_path / "cache/readmes").glob("*/*"))) == 1
    await readmes.close()
