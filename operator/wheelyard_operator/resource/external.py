"""How clients outside the cluster reach an index."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from wheelyard_operator.resource.meta import Manifest


@dataclass(frozen=True)
class Tls:
    """TLS that the Ingress controller terminates."""

    secret_name: str
    """The Secret with the certificate, "" for the one that cert-manager creates under our name."""
    issuer: tuple[str, str]
    """Kind and name of the cert-manager issuer, ("", "") for none."""


@dataclass(frozen=True)
class IngressSpec:
    """An Ingress for one host."""

    host: str
    class_name: str
    annotations: tuple[tuple[str, str], ...]
    """All that the resource has. `reconcile.policy` decides which of them are allowed."""
    tls: Tls | None

    @classmethod
    def parse(cls, body: Manifest) -> "IngressSpec":
        """Take it from `spec.ingress`."""
        tls, issuer = body.get("tls"), body.get("tls", {}).get("issuerRef", {})
        return cls(
            host=body["host"],
            class_name=body.get("className", ""),
            annotations=tuple(sorted(body.get("annotations", {}).items())),
            tls=None
            if tls is None
            else Tls(
                tls.get("secretName", ""), (issuer.get("kind", "Issuer") if issuer else "", issuer.get("name", ""))
            ),
        )


@dataclass(frozen=True)
class HTTPRouteSpec:
    """An HTTPRoute of the Gateway API."""

    parents: tuple[Manifest, ...]
    hostnames: tuple[str, ...]

    @classmethod
    def parse(cls, body: Manifest) -> "HTTPRouteSpec":
        """Take it from `spec.httpRoute`."""
        return cls(parents=tuple(body["parentRefs"]), hostnames=tuple(body["hostnames"]))


@dataclass(frozen=True)
class External:
    """What the owner of an index declares for clients outside the cluster."""

    given_url: str
    trusted_proxies: tuple[str, ...]
    """Networks of the proxies that the external listener trusts to name their clients."""
    allowed_origins: tuple[str, ...]
    """Sites whose pages may read in a browser what anonymous may read, "*" for all sites."""
    ingress: IngressSpec | None
    route: HTTPRouteSpec | None

    @classmethod
    def parse(cls, spec: Manifest) -> "External":
        """Take it from `spec`."""
        external = spec.get("external", {})
        return cls(
            given_url=external.get("url", ""),
            trusted_proxies=tuple(external.get("trustedProxies", ())),
            allowed_origins=tuple(external.get("allowedOrigins", ())),
            ingress=IngressSpec.parse(spec["ingress"]) if "ingress" in spec else None,
            route=HTTPRouteSpec.parse(spec["httpRoute"]) if "httpRoute" in spec else None,
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """All hosts that the index claims."""
        own = (self.ingress.host,) if self.ingress else ()
        return (*own, *(self.route.hostnames if self.route else ()))

    def tls_secret_name(self, child_name: str) -> str:
        """Return the name of the Secret with the Ingress's certificate, "" without TLS."""
        tls = self.ingress.tls if self.ingress else None
        return (tls.secret_name or f"{child_name}-tls") if tls else ""

    @property
    def path(self) -> str:
        """The path that a proxy serves the index below, such as "/team/pypi"; "" for the root of the host."""
        return urlsplit(self.given_url).path.rstrip("/")

    @property
    def url(self) -> str:
        """The root of the index for clients outside the cluster, "" if they cannot reach it."""
        if self.given_url:
            return self.given_url.rstrip("/") + "/"
        if self.ingress:
            return f"{'https' if self.ingress.tls else 'http'}://{self.ingress.host}/"
        # Nothing here says whether the Gateway terminates TLS. If it does not, `given_url` is set.
        return f"https://{self.route.hostnames[0]}/" if self.route else ""
