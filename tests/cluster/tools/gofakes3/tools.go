//go:build tools

// Package tools pins gofakes3, an S3 server of the tests of S3 servers.
package tools

import _ "github.com/johannesboyne/gofakes3/cmd/gofakes3"
