//go:build tools

// Package tools pins Flux's kustomize-controller, which applies what is in a Git repository.
package tools

import _ "github.com/fluxcd/kustomize-controller"
