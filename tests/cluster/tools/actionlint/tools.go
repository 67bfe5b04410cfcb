//go:build tools

// Package tools pins actionlint, which reads the workflows of GitHub Actions.
package tools

import _ "github.com/rhysd/actionlint/cmd/actionlint"
