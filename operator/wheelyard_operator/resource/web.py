"""The pages of an index for people, and single sign-on to them."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import Manifest


@dataclass(frozen=True)
class GroupRule:
    """A group of the provider, and the group of the index that its members are in."""

    provider: str
    group: str


@dataclass(frozen=True)
class SingleSignOn:
    """An OpenID Connect provider, and which of its groups count."""

    issuer: str
    client_id: str
    secret_name: str
    """A Secret of the index's own namespace."""
    secret_key: str
    scopes: tuple[str, ...]
    groups_claim: str
    groups: tuple[GroupRule, ...]
    ca_bundle: str

    @classmethod
    def parse(cls, body: Manifest) -> "SingleSignOn":
        """Take it from `spec.web.oidc`."""
        secret = body["clientSecretRef"]
        return cls(
            issuer=body["issuer"],
            client_id=body["clientId"],
            secret_name=secret["name"],
            secret_key=secret.get("key", "clientSecret"),
            scopes=tuple(body.get("scopes", ("openid",))),
            groups_claim=body.get("groupsClaim", "groups"),
            groups=tuple(GroupRule(each["provider"], each["group"]) for each in body["groups"]),
            ca_bundle=body.get("caBundle", ""),
        )


@dataclass(frozen=True)
class Web:
    """The pages of an index."""

    enabled: bool
    images: bool
    """Whether they show the images of READMEs."""
    oidc: SingleSignOn | None
    """As declared, also for an index without pages."""
    end_request: str
    """Value of the annotation `wheelyard.dev/end-sessions`. Each value ends all sessions once; "" ends none."""

    @classmethod
    def parse(cls, body: Manifest, request: str) -> "Web":
        """Take it from `spec.web`."""
        return cls(
            enabled=body.get("enabled", True),
            images=body.get("images", False),
            oidc=SingleSignOn.parse(body["oidc"]) if "oidc" in body else None,
            end_request=request,
        )

    @property
    def single_sign_on(self) -> SingleSignOn | None:
        """The provider with which people sign in, None if they cannot."""
        return self.oidc if self.enabled else None
