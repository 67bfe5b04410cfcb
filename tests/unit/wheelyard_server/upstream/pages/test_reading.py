"""Pages of upstreams in both forms, as they are, and as they should not be."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from wheelyard_server.upstream import Page, PageFile
from wheelyard_server.upstream.pages import bounds, reading
from wheelyard_server.upstream.pages.bounds import UnreadablePageError
from wheelyard_server.upstream.pages.byte_gate import ByteGate

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"
URL = "https://index.example.com/simple/demo/"
DIGEST = "ab" * 32
OTHER = "cd" * 32


async def read_json(*files: Any, **top: Any) -> Page:
    body = {"meta": {"api-version": "1.4"}, "name": "demo", "files": list(files), **top}
    return await reading.read_page(json.dumps(body).encode(), JSON, URL)


async def read_html(text: str, content_type: str = HTML, url: str = URL) -> Page:
    return await reading.read_page(text.encode(), content_type, url)


async def only(page_of: Any) -> PageFile:
    page = await page_of
    assert page.unusable == 0
    (file,) = page.files
    return file  # type: ignore[no-any-return]


def entry(**other: Any) -> dict[str, Any]:
    return {"filename": "demo-1.0.tar.gz", "url": "../../files/demo-1.0.tar.gz", **other}


async def test_every_field_of_a_json_page_is_read() -> None:
    page = await read_json(
        entry(
            hashes={"sha256": DIGEST.upper(), "blake2b": OTHER},
            size=123,
            yanked="broken",
            provenance="https://index.example.com/p",
            **{
                "requires-python": ">=3.9",
                "upload-time": "2026-01-02T03:04:05.000006Z",
                "core-metadata": {"sha256": OTHER},
                "x-unknown": [{}, {}],
            },
        ),
        versions=["1.0"],
        meta={"api-version": "1.4", "_last-serial": 42},
        **{"project-status": {"status": "archived", "reason": "done"}},
    )
    assert page == Page(
        files=(
            PageFile(
                filename="demo-1.0.tar.gz",
                url="https://index.example.com/files/demo-1.0.tar.gz",
                hashes={"sha256": DIGEST, "blake2b": OTHER},
                size=123,
                upload_time=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
                requires_python=">=3.9",
                yanked="broken",
                core_metadata=OTHER,
                provenance="https://index.example.com/p",
            ),
        ),
        serial=42,
        versions=("1.0",),
        status="archived",
        status_reason="done",
    )


async def test_every_attribute_of_an_html_page_is_read() -> None:
    page = await read_html(
        f"""<!DOCTYPE html><html><head>
        <meta name="pypi:repository-version" content="1.4">
        <meta name="pypi:project-status" content="deprecated">
        <meta name="pypi:project-status-reason" content="use &lt;other&gt;"></head><body>
        <a href="/f/demo-1.0-py3-none-any.whl#sha256={DIGEST}" data-requires-python="&gt;=3.9" data-yanked=""
          data-core-metadata="sha256={OTHER}" data-upload-time="2026-01-02T03:04:05Z"
          data-provenance="/p">demo-1.0-py3-none-any.whl</a></body></html>"""
    )
    assert page.files == (
        PageFile(
            filename="demo-1.0-py3-none-any.whl",
            url="https://index.example.com/f/demo-1.0-py3-none-any.whl",
            hashes={"sha256": DIGEST},
            upload_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            requires_python=">=3.9",
            yanked="",
            core_metadata=OTHER,
            provenance="https://index.example.com/p",
        ),
    )
    assert (page.status, page.status_reason) == ("deprecated", "use <other>")


@pytest.mark.parametrize(
    ("value", "read"), [(False, None), (None, None), (True, ""), ("", ""), ("bad wheel", "bad wheel"), (0, None)]
)
async def test_yanked_is_a_flag_or_a_reason(value: object, read: str | None) -> None:
    assert (await only(read_json(entry(yanked=value)))).yanked == read


@pytest.mark.parametrize("key", ["core-metadata", "data-dist-info-metadata", "dist-info-metadata"])
@pytest.mark.parametrize(
    ("value", "read"), [({"sha256": OTHER}, OTHER), (True, ""), ({"md5": "00"}, ""), (False, None), (None, None)]
)
async def test_core_metadata_has_old_keys(key: str, value: object, read: str | None) -> None:
    """T12, T22: PEP 714 renamed the key, and some servers still have the old one only."""
    assert (await only(read_json(entry(**{key: value})))).core_metadata == read


async def test_a_digest_of_core_metadata_in_either_key_counts() -> None:
    """T12: one of the two says less."""
    both = {"core-metadata": False, "data-dist-info-metadata": {"sha256": OTHER}}
    assert (await only(read_json(entry(**both)))).core_metadata == OTHER


@pytest.mark.parametrize("attribute", ["data-core-metadata", "data-dist-info-metadata"])
@pytest.mark.parametrize(("value", "read"), [(f"sha256={OTHER}", OTHER), ("true", ""), ("false", None), ("", None)])
async def test_core_metadata_in_html(attribute: str, value: str, read: str | None) -> None:
    file = await only(read_html(f'<a href="demo-1.0.tar.gz" {attribute}="{value}">x</a>'))
    assert file.core_metadata == read


@pytest.mark.parametrize(("serial", "read"), [(7, 7), ("7", 7), ("x", 0), (None, 0), (-1, 0), (True, 0), ("", 0)])
async def test_a_serial_may_be_a_string(serial: object, read: int) -> None:
    """Research, 1.2: a mirror of PyPI has `_last-serial` as a string."""
    assert (await read_json(meta={"api-version": "1.1", "_last-serial": serial})).serial == read


@pytest.mark.parametrize("version", ["1.0", "1.99", "1", 1, 1.4, None, "", "latest", {}])
async def test_the_version_is_not_trusted(version: object) -> None:
    assert (await read_json(entry(), meta={"api-version": version})).files


@pytest.mark.parametrize("version", ["2.0", "10.1", 2])
async def test_another_major_version_is_refused(version: object) -> None:
    """PEP 629: a client must fail."""
    with pytest.raises(UnreadablePageError, match="of the simple API"):
        await read_json(entry(), meta={"api-version": version})


async def test_another_major_version_in_html_is_refused() -> None:
    with pytest.raises(UnreadablePageError, match="version 2 of the simple API"):
        await read_html('<meta name="pypi:repository-version" content="2.0"><a href="demo-1.0.zip">x</a>')


async def test_a_page_without_meta_is_read() -> None:
    page = await reading.read_page(json.dumps({"files": [entry()]}).encode(), JSON, URL)
    assert (len(page.files), page.serial, page.versions, page.status) == (1, 0, (), "active")


@pytest.mark.parametrize(
    "bad",
    [
        {"filename": 1, "url": "x"},
        {"filename": "demo-1.0.tar.gz"},
        {"url": "demo-1.0.tar.gz"},
        entry(url=["x"]),
        entry(url="ftp://x.example.com/demo-1.0.tar.gz"),
        entry(url="javascript:alert(1)"),
        entry(url="https://x.example.com\\@y.example.com/demo-1.0.tar.gz"),
        entry(url="https://[x/demo-1.0.tar.gz"),
        entry(url="https://user:password@x.example.com/demo-1.0.tar.gz"),
        entry(url="https:///demo-1.0.tar.gz"),
        entry(url="/" + "x" * 5000),
        entry(url="/demo\n-1.0.tar.gz"),
        entry(filename="x" * 241),
        entry(filename="../demo-1.0.tar.gz"),
        entry(filename="demo\n-1.0.tar.gz"),
        entry(filename=""),
        entry(**{"requires-python": "," * 1001}),
        entry(**{"requires-python": 3}),
        [],
        None,
        "demo-1.0.tar.gz",
        float("nan"),
        entry(yanked="\ud800"),
    ],
)
async def test_an_unusable_entry_costs_only_itself(bad: object) -> None:
    """T33."""
    page = await read_json(entry(), bad, entry(filename="demo-2.0.tar.gz"))
    assert [file.filename for file in page.files] == ["demo-1.0.tar.gz", "demo-2.0.tar.gz"]
    assert page.unusable == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"hashes": None},
        {"hashes": []},
        {"hashes": {"sha256": 5}},
        {"hashes": {"sha256": "zz" * 32}},
        {"hashes": {"sha256": "ab"}},
        {"hashes": {"sha256": DIGEST + "\n"}},
        {"size": "12"},
        {"size": -1},
        {"size": True},
        {"size": 1.5},
        {"size": 2**70},
        {"upload-time": "yesterday"},
        {"upload-time": 5},
        {"upload-time": "0001-01-01T00:00:00+14:00"},
        {"core-metadata": "yes"},
        {"provenance": 5},
        {"provenance": "javascript:x"},
        {"requires-python": ""},
    ],
)
async def test_a_value_of_another_type_is_as_if_it_were_missing(odd: dict[str, Any]) -> None:
    assert await only(read_json(entry(**odd))) == await only(read_json(entry()))


async def test_other_hashes_are_kept() -> None:
    assert (await only(read_json(entry(hashes={"MD5": "00" * 16})))).hashes == {"md5": "00" * 16}


async def test_a_page_of_unusable_files_is_no_page_without_files() -> None:
    with pytest.raises(UnreadablePageError, match="none of which can be used"):
        await read_json({}, {})


async def test_long_reasons_are_cut() -> None:
    page = await read_json(entry(yanked="y" * 5000), **{"project-status": {"status": "x", "reason": "z" * 5000}})
    assert (len(page.files[0].yanked or ""), len(page.status_reason)) == (1000, 1000)


@pytest.mark.parametrize(
    ("reference", "absolute"),
    [
        ("demo-1.0.zip", "https://index.example.com/simple/demo/demo-1.0.zip"),
        ("../../f/demo-1.0.zip", "https://index.example.com/f/demo-1.0.zip"),
        ("/f/demo-1.0.zip", "https://index.example.com/f/demo-1.0.zip"),
        ("//cdn.example.com/demo-1.0.zip", "https://cdn.example.com/demo-1.0.zip"),
        ("HTTPS://cdn.example.com/demo-1.0.zip", "https://cdn.example.com/demo-1.0.zip"),
        ("https://cdn.example.com/demo-1.0.zip#sha256=00", "https://cdn.example.com/demo-1.0.zip"),
        (" /f/demo-1.0.zip ", "https://index.example.com/f/demo-1.0.zip"),
        ("/f%2Fg/demo-1.0%2Bcu118.zip", "https://index.example.com/f%2Fg/demo-1.0%2Bcu118.zip"),
        ("/f/demo-1.0+cu118.zip", "https://index.example.com/f/demo-1.0+cu118.zip"),
        ("/f/demo-1.0%2bcu%31.zip", "https://index.example.com/f/demo-1.0%2bcu%31.zip"),
        ("/f/%21/demo-1.0.zip?a=b%20c", "https://index.example.com/f/%21/demo-1.0.zip?a=b%20c"),
        ("/f/ü/demo-1.0.zip", "https://index.example.com/f/%C3%BC/demo-1.0.zip"),
    ],
)
async def test_urls_become_absolute_and_keep_their_bytes(reference: str, absolute: str) -> None:
    """T18, T19, T20."""
    assert (await only(read_json(entry(url=reference)))).url == absolute
    assert (await only(read_html(f'<a href="{reference}">x</a>'))).url == absolute


async def test_relative_urls_refer_to_the_first_base() -> None:
    """T20: the base itself may be relative, and only the first counts (HTML)."""
    page = '<base target="_top"><base href="/mirror/"><base href="/other/"><a href="f/demo-1.0.zip">x</a>'
    assert (await only(read_html(page))).url == "https://index.example.com/mirror/f/demo-1.0.zip"


async def test_the_filename_of_a_link_is_the_decoded_end_of_its_path() -> None:
    """T18: the text of the link may be anything."""
    page = await read_html('<a href="/whl/cu118/torch-2.0%2Bcu118-py3-none-any.whl#sha256=x">other</a>')
    assert page.files[0].filename == "torch-2.0+cu118-py3-none-any.whl"


async def test_upload_times_without_a_zone_are_utc() -> None:
    """T17, T32."""
    page = await read_html('<a href="demo-1.0.zip" data-upload-time="2026-01-02T03:04:05">x</a>')
    assert page.files[0].upload_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "fragment", [f"sha256={DIGEST}", f"egg=demo&sha256={DIGEST}", f"md5={'00' * 16}&sha256={DIGEST}"]
)
async def test_digests_are_in_the_fragment(fragment: str) -> None:
    file = await only(read_html(f'<a href="demo-1.0.zip#{fragment}">x</a>'))
    assert file.hashes["sha256"] == DIGEST
    assert "egg" not in file.hashes


async def test_links_to_folders_are_no_files() -> None:
    page = await read_html(
        '<a href="../">Parent</a><a>no link</a><a href="#top">top</a><a href="demo-1.0.zip">x</a>'
    )
    assert ([file.filename for file in page.files], page.unusable) == (["demo-1.0.zip"], 0)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/octet-stream", HTML, JSON, "application/json"]
)
async def test_the_first_byte_decides_if_the_type_is_wrong(content_type: str) -> None:
    """T21: proxies lose the type, or write another."""
    json_page = await reading.read_page(b'\xef\xbb\xbf \n{"files": []}', content_type, URL)
    html_page = await reading.read_page(b'\n <a href="demo-1.0.zip">x</a>', content_type, URL)
    assert (len(json_page.files), len(html_page.files)) == (0, 1)


@pytest.mark.parametrize("content_type", ["", HTML, JSON])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"Service unavailable",
        b"[]",
        b"null",
        b"<html><body>Please <a href='/'>log in</a></body></html>",
        b"<html></html>",
        b"<",
        b"<!DOCTYPE html>",
        b"{}",
        b"{",
        b'{"files": null}',
        b'{"files": {}}',
        b'{"meta": {"files": []}}',
        b'{"name": "\\"files\\":[]"}',
        b'{"files": [',
        b'{"files": []',
        b'{"files": [],}',
        b'{"files": []} x',
        b'{"files": [,]}',
        b'{"files": [{}{}]}',
        b'{"files": [{"url": "x"},]}',
        b'{"files": [{"url": nope}]}',
        b'{"files": [{"url": "x}]}',
        b'{"files": ["x]}',
        b'{"files": [1}]}',
        b'{"files": [], "files": [{}]}',
        b'{"files": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b'{"files": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"files": [{"url": "' + b"x" * 500_000 + b'"}]}',
        b'{"files": [], "x": "' + b"x" * 2_000_000 + b'"}',
        b'{"x": "' + b"x" * 2_000_000 + b'", "files": []}',
    ],
)
async def test_anything_else_is_a_failure_and_never_a_page_without_files(body: bytes, content_type: str) -> None:
    """T2, T21, T27."""
    with pytest.raises(UnreadablePageError):
        await reading.read_page(body, content_type, URL)


@pytest.mark.parametrize(
    "text",
    [
        "<title>Links for demo</title>",
        '<meta name="pypi:repository-version" content="1.0">',
        "<h1>links for demo</h1>",
    ],
)
async def test_an_html_page_of_an_index_may_have_no_files(text: str) -> None:
    assert (await read_html(text)).files == ()


async def test_a_page_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_PAGE_BYTES", 1024**2)
    with pytest.raises(UnreadablePageError, match="more than 1 MiB"):
        await reading.read_page(b" " * (1024**2 + 1), JSON, URL)


async def test_a_page_with_too_many_files_is_refused() -> None:
    with pytest.raises(UnreadablePageError, match="more than 50,000 files"):
        await read_json(*[entry()] * (bounds.MAX_FILES + 1))
    with pytest.raises(UnreadablePageError, match="more than 50,000 files"):
        await read_html("<a href=demo-1.0.zip>x</a>" * (bounds.MAX_FILES + 1))


async def test_a_page_with_too_many_versions_is_refused() -> None:
    with pytest.raises(UnreadablePageError, match="more than 50,000 versions"):
        await read_json(versions=["1"] * (bounds.MAX_VERSIONS + 1))


async def test_a_page_of_a_megabyte_is_read_while_one_of_64_is() -> None:
    async with reading._GATE.room(bounds.MAX_PAGE_BYTES):
        page = await read_html("<a href=demo-1.0.zip>x</a>" * 40_000)
    assert len(page.files) == 40_000


def test_all_pages_that_are_read_at_a_time_are_below_128_mib() -> None:
    assert reading.SMALL_LANE_BYTES + bounds.MAX_PAGE_BYTES < 128 * 1024**2
    assert reading.MAX_SMALL_BYTES <= reading.SMALL_LANE_BYTES


async def test_large_pages_wait_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = ByteGate(100)
    monkeypatch.setattr(reading, "_GATE", gate)
    async with gate.room(1):
        waiting = asyncio.create_task(read_html("<a href=demo-1.0.zip>x</a>" * 5000))
        assert not (await read_html("<a href=demo-1.0.zip>x</a>")).unusable
        assert not waiting.done()
    assert len((await waiting).files) == 5000


@pytest.mark.parametrize(
    "costly",
    [
        '<a href="' + "x" * 200_000 + '">x</a>',
        "<a " + "x " * 100_000 + ">",
        "<!--" + "x" * 200_000 + "-->",
        "<div>" * 10_000,
    ],
)
async def test_html_that_costs_more_than_its_length_is_refused(costly: str) -> None:
    with pytest.raises(UnreadablePageError, match="too large tags, or nests them too deeply"):
        await read_html("<a href=demo-1.0.zip>x</a>" + costly)


@pytest.mark.parametrize("place", ["meta", "versions", "x"])
async def test_json_that_costs_more_than_its_length_is_refused(place: str) -> None:
    with pytest.raises(UnreadablePageError, match="too large"):
        await read_json(entry(), **{place: [[]] * 30_000})


async def test_a_large_html_page_is_read_in_slices() -> None:
    page = await read_html("".join(f'<a href="demo-{number}.zip">é</a>' for number in range(10_000)))
    assert [file.filename for file in page.files] == [f"demo-{number}.zip" for number in range(10_000)]
