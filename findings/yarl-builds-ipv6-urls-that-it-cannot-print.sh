#!/usr/bin/env bash
# yarl 1.25.1 (PyPI: yarl): `URL.build(encoded=True)` puts an IPv6 address into the URL without brackets.
#
# Expected: `encoded` is about percent encoding. A host in `URL.build` has no brackets, as `URL.host` has none.
# Seen (2026-11-30): without `encoded` the URL is `http://[::1]:8080/a`. With `encoded=True` the URL can be built, and is an error
# as soon as it is printed or its host is read ("port can't be converted to integer"). With the brackets in `host` it is fine.
#
# Needs Python 3.10 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check yarl==1.25.1
venv/bin/python - << 'PYTHON'
from yarl import URL

PARTS = {"scheme": "http", "port": 8080, "path": "/a"}
print(URL.build(host="::1", **PARTS), URL.build(host="[::1]", encoded=True, **PARTS))
assert str(URL.build(host="::1", **PARTS)) == "http://[::1]:8080/a"
assert str(URL.build(host="[::1]", encoded=True, **PARTS)) == "http://[::1]:8080/a"
url = URL.build(host="::1", encoded=True, **PARTS)
for read in (str, lambda url: url.host):
    try:
        raise SystemExit(f"the URL has brackets, or none are needed: {read(url)}")
    except ValueError as error:
        print("ValueError:", error)
# http://[::1]:8080/a http://[::1]:8080/a
# ValueError: Invalid URL: port can't be converted to integer (twice)
PYTHON
