#!/usr/bin/env bash
# S3Proxy 4.1.0 (Maven: org.gaul:s3proxy, classifier jar-with-dependencies), filesystem-nio2: of writers that replace
# the same object at the same time with If-Match, several succeed. Of those that create one with If-None-Match: *, never
# more than one does.
#
# Expected: If-Match is as atomic as If-None-Match. It holds for the first writer only: the ETag is another one then.
# Seen: in about 1 of 10 races of four writers, two get 200, and what one of them wrote is gone. A test with a single
# race mostly finds nothing wrong.
#
# Needs Java 17, Maven, curl. At most 300 races. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; wait; rm -rf "$home"' EXIT
artifact=org.gaul:s3proxy:4.1.0:jar:jar-with-dependencies
mvn --batch-mode --quiet dependency:get -Dartifact=$artifact -Dtransitive=false > "$home/log" 2>&1
mvn --batch-mode --quiet dependency:copy -Dartifact=$artifact -DoutputDirectory="$home" >> "$home/log" 2>&1
mkdir "$home/data"
cat > "$home/properties" <<EOF
s3proxy.endpoint=http://127.0.0.1:39316
s3proxy.authorization=none
jclouds.provider=filesystem-nio2
jclouds.identity=x
jclouds.credential=x
jclouds.filesystem.basedir=$home/data
EOF
java -cp "$home/s3proxy-4.1.0-jar-with-dependencies.jar" org.gaul.s3proxy.Main --properties "$home/properties" >> "$home/log" 2>&1 &
server=$!
url=http://127.0.0.1:39316/bucket
curl --silent --retry 50 --retry-connrefused --retry-delay 1 --max-time 60 --output "$home/ready" http://127.0.0.1:39316/
curl --silent --fail --output /dev/null --request PUT "$url"

winners() {  # winners KEY CONDITION: let four write at the same time, and tell how many got 200
  local each
  for each in 1 2 3 4; do
    # Of another type than curl's own: S3Proxy takes a form for parameters, and stores nothing of it.
    printf 'next\nurl="%s"\nrequest=PUT\ndata="%s %s"\nheader="%s"\nheader="Content-Type: text/plain"\noutput="%s"\nwrite-out="%%{http_code}\\n"\n' \
      "$url/$1" "${2%%:*}" "$each" "${2//\"/\\\"}" "$home/answer-$each"
  done > "$home/race"
  curl --silent --no-progress-meter --parallel --parallel-immediate --config "$home/race" | grep -c '^200$' || true
}

created=0 replaced=0 races=0
while [ "$races" -lt 300 ] && [ "$replaced" = 0 ]; do
  races=$((races + 1))
  [ "$(winners "object-$races" 'If-None-Match: *')" = 1 ] || created=$((created + 1))
  etag=$(curl --silent --head "$url/object-$races" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
  # Different bodies have different ETags, so the second writer must be refused.
  [ "$etag" != '"d41d8cd98f00b204e9800998ecf8427e"' ] || { echo "nothing was stored"; exit 1; }
  [ "$(winners "object-$races" "If-Match: $etag")" -le 1 ] || replaced=$((replaced + 1))
done
echo "If-None-Match: $created of $races races with another number of winners than one"
echo "If-Match: more than one winner in race $races"
# If-None-Match: 0 of 7 races with another number of winners than one
# If-Match: more than one winner in race 7 (or another one)
[ "$created" = 0 ] && [ "$replaced" = 1 ]
