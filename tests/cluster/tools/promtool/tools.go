//go:build tools

// Package tools pins promtool, which checks alerts and runs their tests.
package tools

import _ "github.com/prometheus/prometheus/cmd/promtool"
