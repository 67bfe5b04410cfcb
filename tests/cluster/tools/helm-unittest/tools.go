//go:build tools

// Package tools pins helm-unittest, which tests the chart.
package tools

import _ "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"
