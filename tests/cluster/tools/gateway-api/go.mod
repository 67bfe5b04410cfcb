module wheelyard.dev/tests/cluster/tools/gateway-api

go 1.26.0

// Of the CRDs, in the version that the Traefik of locks/programs.txt is built with (go version -m).
require sigs.k8s.io/gateway-api v1.6.3
