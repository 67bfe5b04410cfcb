//go:build tools

// Package tools pins Dex, the OpenID provider of the tests of single sign-on: it is v2.45.1, whose tag Go does not accept.
package tools

import _ "github.com/dexidp/dex/cmd/dex"
