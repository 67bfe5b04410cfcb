#!/usr/bin/env bash
# micropip 0.7.2 (the installer of Pyodide; its reading of pages also runs in CPython): file URLs that are paths are joined
# with the index's URL on HTML pages, and left as they are on JSON pages. File URLs like `../../x.whl` are joined on neither.
#
# Expected: both formats of one page give the same absolute URLs, as for pip and uv.
# Seen (2026-11-30): below. The URL of the wheel has no host, so it means a file of the web page that runs Pyodide.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check micropip==0.7.2
venv/bin/python - << 'PYTHON'
import json

from micropip.package_index import ProjectInfo

INDEX = "https://index.example"
NAME = "demo-1.0-py3-none-any.whl"


def from_json(url):
    file = {"filename": NAME, "url": url, "hashes": {"sha256": "0" * 64}}
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0"], "files": [file]}
    return ProjectInfo.from_simple_json_api(json.dumps(page))


def from_html(url):
    page = f'<!DOCTYPE html><html><body><a href="{url}#sha256={"0" * 64}">{NAME}</a></body></html>'
    return ProjectInfo.from_simple_html_api(page, "demo", index_base_url=INDEX)


seen = {}
for url in (f"/files/{NAME}", f"../../files/{NAME}"):
    for parse in (from_json, from_html):
        ((wheel,),) = (list(wheels) for wheels in parse(url).releases.values())
        seen[parse.__name__, url] = wheel.url
        print(parse.__name__, url, "->", wheel.url)
# from_json /files/demo-1.0-py3-none-any.whl -> /files/demo-1.0-py3-none-any.whl
# from_html /files/demo-1.0-py3-none-any.whl -> https://index.example/files/demo-1.0-py3-none-any.whl
# from_json ../../files/demo-1.0-py3-none-any.whl -> ../../files/demo-1.0-py3-none-any.whl
# from_html ../../files/demo-1.0-py3-none-any.whl -> ../../files/demo-1.0-py3-none-any.whl
changed = [key for key, found in seen.items() if (found != key[1]) is not (key == ("from_html", f"/files/{NAME}"))]
assert not changed, f"micropip joins differently: {changed}"
PYTHON
