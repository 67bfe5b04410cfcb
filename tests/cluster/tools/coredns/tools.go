//go:build tools

// Package tools pins CoreDNS, the DNS server of the local cluster.
package tools

import _ "github.com/coredns/coredns"
