from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import strategies as st

from support.distributions import metadata
from support.properties import given
from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.catalog.inspection.metadata import METADATA_VERSIONS, CoreMetadata, fields_of, parse_metadata
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import parse_filename
from wheelyard_server.settings import Accept


def parse(raw: str | bytes, findings: Findings | None = None) -> CoreMetadata:
    body = raw if isinstance(raw, bytes) else raw.encode()
    return parse_metadata(body, parse_filename("demo-1.0.tar.gz"), findings or Findings(Accept.WELL_FORMED))


def test_metadata_has_the_fields_of_the_catalog() -> None:
    text = metadata("Demo", "1.0.0", "Summary: D\u00e9mo\nRequires-Python: >=3.9,\n <4\n")
    assert parse(text) == CoreMetadata(text.encode(), "2.3", ">=3.9, <4", "D\u00e9mo")


def test_optional_fields_of_metadata_may_be_missing() -> None:
    assert parse(metadata("demo", "1.0", "Requires-Python:\n")) == CoreMetadata(
        metadata("demo", "1.0", "Requires-Python:\n").encode(), "2.3", None, ""
    )


@pytest.mark.parametrize("version", METADATA_VERSIONS)
def test_all_versions_of_metadata_are_read(version: str) -> None:
    assert parse(f"Metadata-Version: {version}\nName: demo\nVersion: 1.0\n").metadata_version == version


REFUSED: Mapping[str, tuple[str | bytes, str]] = {
    "empty": ("", "must be lines like"),
    "not metadata": ("# demo\n", "must be lines like"),
    "a line that hides a name": (
        "Metadata-Version: 2.3\nVersion: 1.0\noops\nName: demo\n",
        "after a line that is not a header, some installers see a different Name",
    ),
    "a line that hides a requirement": (
        metadata("demo", "1.0", "License: a\nb\nRequires-Dist: evil\n"),
        "see a different Requires-Dist",
    ),
    "a line that hides a limit": (
        metadata("demo", "1.0", "oops\nRequires-Python: >3\n"),
        "different Requires-Python",
    ),
    "a second name after a line": (metadata("demo", "1.0", "oops\nName: other\n"), "must have Name exactly once"),
    "a line that ends in a mere CR": (metadata("demo", "1.0", "Summary: a\rName: other\n"), "must be lines like"),
    "NUL": (metadata("demo", "1.0", "Summary: a\0b\n"), "must be lines like"),
    "an empty line first": ("\n" + metadata("demo", "1.0"), "must be lines like"),
    "next major version": ("Metadata-Version: 3.0\nName: demo\nVersion: 1.0\n", "'3.0' is unknown"),
    "invalid version": ("Metadata-Version: two\nName: demo\nVersion: 1.0\n", "'two' is unknown"),
    "no name": ("Metadata-Version: 2.3\nVersion: 1.0\n", "required field"),
    "no version": ("Metadata-Version: 2.3\nName: demo\n", "required field"),
    "two names": (metadata("demo", "1.0", "Name: demo\n"), "must have Name exactly once"),
    "two names in two cases": (metadata("demo", "1.0", "NAME: other\n"), "must have Name exactly once"),
    "two versions": (metadata("demo", "1.0", "Version: 2.0\n"), "must have Version exactly once"),
    "two of Requires-Python": (
        metadata("demo", "1.0", "Requires-Python: >3\n" * 2),
        "must have Requires-Python exactly once",
    ),
    "no valid name": (metadata("de mo", "1.0"), "is invalid for"),
    "another name": (metadata("other", "1.0"), "names the project 'other'"),
    "no valid version": (metadata("demo", "one"), "is invalid for"),
    "another version": (metadata("demo", "1.1"), "has the version '1.1'"),
    "another local version": (metadata("demo", "1.0+local"), "has the version '1.0+local'"),
    "fields without end": (
        metadata("demo", "1.0", "".join(f"X-{n}: a\n" for n in range(100))),
        "more than 100 different",
    ),
    "long Requires-Python": (
        metadata("demo", "1.0", f"Requires-Python: >{'1' * 1001}\n"),
        "at most 1000 characters",
    ),
    "UTF-16": (metadata("demo", "1.0").encode("utf-16"), "must be lines like"),
}


@pytest.mark.parametrize(("raw", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_deceptive_metadata_is_refused(raw: str | bytes, reason: str) -> None:
    for accept in Accept:
        with pytest.raises(InvalidUploadError) as caught:
            parse(raw, Findings(accept))
        assert reason in str(caught.value) or (accept is Accept.WELL_FORMED and "well-formed" in str(caught.value))


FOUND: Mapping[str, tuple[str | bytes, Rule, str]] = {
    "a raw line of a license": (
        metadata("demo", "1.0", "License: MIT License\nCopyright (c) 2026\n"),
        Rule.METADATA_LINE,
        "without line breaks in a field such as License",
    ),
    "raw lines with colons": (
        metadata("demo", "1.0", "License: MIT\nCopyright (c): me\nX-Note: this\nAuthor: somebody\n"),
        Rule.METADATA_LINE,
        "without line breaks",
    ),
    "a raw line with a field's name in it": (
        metadata("demo", "1.0", "License: MIT\nsee the Name: of it\n Name: other\n"),
        Rule.METADATA_LINE,
        "without line breaks",
    ),
    "no version of metadata": (
        "Name: demo\nVersion: 1.0\n",
        Rule.METADATA_VERSION,
        "Metadata-Version '' is unknown: the newest supported one is 2.5",
    ),
    "newer version": (
        "Metadata-Version: 2.6\nName: demo\nVersion: 1.0\n",
        Rule.METADATA_VERSION,
        "'2.6' is unknown",
    ),
    "no valid Requires-Python": (
        metadata("demo", "1.0", "Requires-Python: yes\n"),
        Rule.METADATA_REQUIRES_PYTHON,
        "it has no effect",
    ),
    "no valid Requires-Dist": (metadata("demo", "1.0", "Requires-Dist: a b\n"), Rule.METADATA_FIELD, "is invalid"),
    "no valid extra": (metadata("demo", "1.0", "Provides-Extra: a b\n"), Rule.METADATA_FIELD, "is invalid"),
    "marker without end": (
        metadata("demo", "1.0", f"Requires-Dist: a; {'(' * 5000}\n"),
        Rule.METADATA_FIELD,
        "nested too deeply",
    ),
    "dynamic name": (metadata("demo", "1.0", "Dynamic: Name\n"), Rule.METADATA_FIELD, "not allowed as a dynamic"),
    "summary of two lines": (
        metadata("demo", "1.0", "Summary: a\n b\n"),
        Rule.METADATA_FIELD,
        "must be a single line",
    ),
    "long summary": (
        metadata("demo", "1.0", f"Summary: {'s' * 1001}\n"),
        Rule.METADATA_SUMMARY,
        "more than 1000 characters",
    ),
    "no UTF-8": (
        metadata("demo", "1.0", "Author: \u00e9\n").encode("latin-1"),
        Rule.METADATA_ENCODING,
        "cannot be read as UTF-8",
    ),
}


@pytest.mark.parametrize(("raw", "rule", "message"), FOUND.values(), ids=FOUND.keys())
def test_metadata_errors_that_installers_ignore_are_findings(raw: str | bytes, rule: Rule, message: str) -> None:
    findings = Findings(Accept.INSTALLABLE)
    parsed = parse(raw, findings)
    assert (len(parsed.summary) <= 1000, parsed.requires_python) == (True, None)
    (found,) = findings.found()
    assert found.rule == rule
    assert message in found.message
    with pytest.raises(InvalidUploadError, match="only well-formed files"):
        parse(raw)


def test_the_description_may_be_anything() -> None:
    text = metadata("demo", "1.0", 'Content-Type: multipart/mixed; boundary="x"\n')
    raw = text.encode() + b"Name: other\n\xff\n" + b"--x\nContent-Type: message/rfc822\n\n" * 2000
    assert parse(raw).raw == raw


PIECES = (
    b"Content-Type: message/rfc822\n\n",
    b'Content-Type: multipart/mixed; boundary="x"\n',
    b"Content-Transfer-Encoding: base64\n",
    b"Project-URL: a, b\n",
    b"Description: a\n",
    b"=?utf-8?b?7aCA?=",
    b"--x\n",
    b"\xff",
    b"\r\n",
    b"\n\n",
)


@given(st.text() | st.binary() | st.lists(st.text(alphabet="NameVrsion: \n=?utf8bq", max_size=40)).map("\n".join))
def test_any_text_after_the_headers_is_parsed_or_refused(rest: str | bytes) -> None:
    start = metadata("demo", "1.0").rstrip("\n").encode() + b"\n"
    try:
        found = parse(start + (rest if isinstance(rest, bytes) else rest.encode(errors="surrogatepass")))
    except InvalidUploadError:
        return
    assert found.metadata_version == "2.3"


@given(st.binary() | st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_all_stored_metadata_can_be_shown(rest: bytes) -> None:
    assert isinstance(fields_of(rest), dict)
    fields = fields_of(metadata("demo", "1.0", "Keywords: a,b\n").encode() + b"\n" + rest)
    assert (fields["name"], fields["keywords"]) == ("demo", ["a", "b"])
    msgspec.json.encode(fields)


def test_a_description_is_text_not_mail() -> None:
    text = metadata("demo", "1.0", 'Content-Type: multipart/mixed; boundary="x"\n').encode()
    body = b"--x\nContent-Type: message/rfc822\n\n" * 20_000
    assert fields_of(text + body)["description"] == body.decode()
    assert fields_of(text + b"\xff")["description"] == "\ufffd"
    assert "description" not in fields_of(text)
