//go:build tools

// Package tools pins Traefik, the Ingress controller and Gateway that tests go through, and the Gateway API's CRDs.
package tools

import (
	_ "github.com/traefik/traefik/v3/cmd/traefik"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
