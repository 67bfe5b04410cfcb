#!/usr/bin/env bash
# pypiron 0.0.29, twine 7.0.0: a package whose README has more than 64 KiB cannot be published.
#
# Expected: success. Core metadata has no such bound for the description, and clients send it as a field of the form.
# Seen: 200 for a README of 60,000 bytes, and 400 "Form field 'description' is too large" for one of 70,000 bytes,
# although its METADATA, with the same text, is within the file that is uploaded.
#
# Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; wait; rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet pypiron==0.0.29 twine==7.0.0
mkdir "$home/spool"
"$home/venv/bin/pypiron" serve --bind-addr 127.0.0.1:39331 --uploader-user ann --uploader-pass secret \
  --advisory-feed "" --data-dir "$home/data" --spool-dir "$home/spool" > "$home/log" 2>&1 &
server=$!
curl --silent --retry 50 --retry-connrefused --retry-delay 1 --output "$home/ready" http://127.0.0.1:39331/simple/

publish() {  # publish VERSION BYTES: upload a wheel with a README of this size, and print twine's exit code
  "$home/venv/bin/python" - "$home" "$1" "$2" <<'END'
import sys, zipfile
home, version, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
metadata = f"Metadata-Version: 2.1\nName: long-readme\nVersion: {version}\nDescription-Content-Type: text/plain\n\n"
files = {
    "long_readme.py": "",
    f"long_readme-{version}.dist-info/METADATA": metadata + "word " * (size // 5),
    f"long_readme-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
record = f"long_readme-{version}.dist-info/RECORD"
files[record] = "".join(f"{name},,\n" for name in (*files, record))
with zipfile.ZipFile(f"{home}/long_readme-{version}-py3-none-any.whl", "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
END
  local code=0
  "$home/venv/bin/twine" upload --non-interactive --verbose --repository-url http://127.0.0.1:39331/legacy/ \
    --username ann --password secret "$home/long_readme-$1-py3-none-any.whl" > "$home/twine-$1" 2>&1 || code=$?
  echo "$code"
}
short=$(publish 1.0 60000)
long=$(publish 2.0 70000)
reason=$(grep -o "Form field 'description' is too large" "$home/twine-2.0" | head -1 || true)
echo "60,000 bytes: twine ends with $short"
echo "70,000 bytes: twine ends with $long: $reason"
# 60,000 bytes: twine ends with 0
# 70,000 bytes: twine ends with 1: Form field 'description' is too large
[ "$short" = 0 ] && [ "$long" = 1 ] && [ "$reason" = "Form field 'description' is too large" ]
