//go:build tools

// Package tools pins kubeconform, which holds manifests against their schemas.
package tools

import _ "github.com/yannh/kubeconform/cmd/kubeconform"
