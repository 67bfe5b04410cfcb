//go:build tools

// Package tools pins kube-score, which reviews what the chart renders.
package tools

import _ "github.com/zegl/kube-score/cmd/kube-score"
