//go:build tools

// Package tools pins Argo CD, which syncs the examples from a Git repository.
package tools

import _ "github.com/argoproj/argo-cd/v3/cmd"
