#!/usr/bin/env bash
# Dex 2.45.1 (Go module github.com/dexidp/dex, by its commit): an authorization request with prompt=none ends at the form
# for a password.
#
# Expected, as OpenID Connect Core 1.0 has it in section 3.1.2.1: the provider shows no page, and sends the browser
# back to the client with error=login_required, since there is no session.
# Seen: the same redirects and the same form as without prompt. A client that renews sessions in a frame or without a
# word shows people a page of the provider instead.
#
# Needs Go, curl. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
dex=
trap '[ -z "$dex" ] || kill "$dex"; wait; chmod -R u+w "$home"; rm -rf "$home"' EXIT
cd "$home"
# Its go.mod replaces a module by a folder, which `go install` refuses.
go mod init example.com/finding 2> "$home/log"
printf '//go:build tools\n\npackage tools\n\nimport _ "github.com/dexidp/dex/cmd/dex"\n' > tools.go
go get github.com/dexidp/dex@v0.0.0-20260303133905-11d2eeb52b42 2>> "$home/log"
go mod tidy 2>> "$home/log"
go build -o "$home/dex" github.com/dexidp/dex/cmd/dex

issuer=http://127.0.0.1:39321/dex
back=http://127.0.0.1:39322/callback
cat > dex.yaml <<END
issuer: $issuer
storage: {type: memory}
web: {http: 127.0.0.1:39321}
staticClients: [{id: client, name: Client, secret: secret, redirectURIs: ["$back"]}]
enablePasswordDB: true
staticPasswords: [{email: ann@example.com, hash: \$2a\$10\$33EMT0cVYVlPy6WAMCLsceLYjWhuHpbz5yuZxu/GAFj03J9Lytjuy, username: ann, userID: ann}]
END
"$home/dex" serve dex.yaml > "$home/dex.log" 2>&1 &
dex=$!
curl --silent --fail --retry 50 --retry-connrefused --retry-delay 1 --output "$home/ready" "$issuer/healthz"

ask() {  # ask [PARAMETER]: begin a login, follow the provider's own redirects, and print where the browser ends
  curl --silent --location --cookie-jar "$home/jar" --output "$home/page" --write-out '%{http_code} %{url_effective}\n' \
    "$issuer/auth?client_id=client&response_type=code&scope=openid&state=s&redirect_uri=$back${1:-}" |
    sed 's/?.*//'
}
without=$(ask)
with=$(ask '&prompt=none')
fields=$(grep -c 'type="password"' "$home/page" || true)
echo "without prompt: $without"
echo "prompt=none:    $with, fields for a password: $fields"
# without prompt: 200 http://127.0.0.1:39321/dex/auth/local/login
# prompt=none:    200 http://127.0.0.1:39321/dex/auth/local/login, fields for a password: 1
[ "$without" = "$with" ] && [ "$with" = "200 $issuer/auth/local/login" ] && [ "$fields" = 1 ]
