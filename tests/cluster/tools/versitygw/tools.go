//go:build tools

// Package tools pins versitygw, the S3 server with an IAM API of the local cluster.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
