//go:build tools

// Package tools pins Helm, which installs the chart under test.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
