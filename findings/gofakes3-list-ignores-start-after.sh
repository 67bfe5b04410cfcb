#!/usr/bin/env bash
# gofakes3 1.2.0 (Go module github.com/johannesboyne/gofakes3, backend "fs"): ListObjectsV2 takes start-after and
# ignores it.
#
# Expected, as S3's API reference has it: only keys after the one that start-after names.
# Seen: all keys, from the first one on, with 200. The backend "memory" of the same program obeys. A client that cuts a
# listing into parts gets the beginning several times.
#
# Needs Go, curl. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; wait; rm -rf "$home"' EXIT
GOBIN="$home/bin" go install github.com/johannesboyne/gofakes3/cmd/gofakes3@v1.2.0

keys() {  # keys BACKEND PORT: store three objects, and list what comes after the second
  "$home/bin/gofakes3" -host "127.0.0.1:$2" -initialbucket bucket "${@:3}" -backend "$1" > "$home/log" 2>&1 &
  server=$!
  curl --silent --retry 50 --retry-connrefused --retry-delay 1 --max-time 60 --output "$home/ready" "http://127.0.0.1:$2/"
  for key in a b c; do curl --silent --fail --output /dev/null --request PUT --data "$key" "http://127.0.0.1:$2/bucket/$key"; done
  curl --silent --fail "http://127.0.0.1:$2/bucket?list-type=2&start-after=b" | grep -o '<Key>[^<]*</Key>' | tr -d '\n'
  kill "$server"
  wait "$server" || true
  server=
}

memory=$(keys memory 39311)
fs=$(keys fs 39312 -fs.path "$home/data" -fs.create)
echo "start-after=b, backend memory: $memory"
echo "start-after=b, backend fs:     $fs"
# start-after=b, backend memory: <Key>c</Key>
# start-after=b, backend fs:     <Key>a</Key><Key>b</Key><Key>c</Key>
[ "$memory" = "<Key>c</Key>" ] && [ "$fs" = "<Key>a</Key><Key>b</Key><Key>c</Key>" ]
