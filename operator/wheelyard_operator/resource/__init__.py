"""The custom resources as frozen values, and the names of everything that the operator creates for them."""

from wheelyard_operator.resource.access import Grant, Maximum
from wheelyard_operator.resource.admission import LabelSelector, NamespaceAdmission
from wheelyard_operator.resource.exception import PackageException
from wheelyard_operator.resource.external import External, HTTPRouteSpec, IngressSpec
from wheelyard_operator.resource.index import DEFAULT_ACCEPT, PackageIndex
from wheelyard_operator.resource.meta import (
    API_VERSION,
    BUCKET_FINALIZER,
    CREDENTIALS_ANNOTATION,
    END_SESSIONS_ANNOTATION,
    EXCEPTION,
    FINALIZER,
    GROUP,
    INDEX,
    INDEX_LABEL,
    INDEX_NAMESPACE_LABEL,
    MANAGED_BY_LABEL,
    OPERATOR,
    PAUSED_ANNOTATION,
    ROTATE_ANNOTATION,
    USER,
    USER_LABEL,
    VERSION,
    Key,
    Manifest,
    Meta,
)
from wheelyard_operator.resource.monitor import Monitor
from wheelyard_operator.resource.network import Network
from wheelyard_operator.resource.pods import Autoscaling, Pods
from wheelyard_operator.resource.policy import Consent, Policy
from wheelyard_operator.resource.publishers import TokenIdentity
from wheelyard_operator.resource.records import AdvisoryFeed, FetchLog
from wheelyard_operator.resource.renamed import RenamedField
from wheelyard_operator.resource.storage import OLDEST_FORMAT, S3Storage, VolumeStorage
from wheelyard_operator.resource.upstreams import CodeArtifact, Upstream
from wheelyard_operator.resource.user import IndexUser, Rotation
from wheelyard_operator.resource.web import GroupRule, SingleSignOn, Web
from wheelyard_operator.resource.webhook import Webhook

__all__ = [
    "API_VERSION",
    "BUCKET_FINALIZER",
    "CREDENTIALS_ANNOTATION",
    "DEFAULT_ACCEPT",
    "END_SESSIONS_ANNOTATION",
    "EXCEPTION",
    "FINALIZER",
    "GROUP",
    "INDEX",
    "INDEX_LABEL",
    "INDEX_NAMESPACE_LABEL",
    "MANAGED_BY_LABEL",
    "OLDEST_FORMAT",
    "OPERATOR",
    "PAUSED_ANNOTATION",
    "ROTATE_ANNOTATION",
    "USER",
    "USER_LABEL",
    "VERSION",
    "AdvisoryFeed",
    "Autoscaling",
    "CodeArtifact",
    "Consent",
    "External",
    "FetchLog",
    "Grant",
    "GroupRule",
    "HTTPRouteSpec",
    "IndexUser",
    "IngressSpec",
    "Key",
    "LabelSelector",
    "Manifest",
    "Maximum",
    "Meta",
    "Monitor",
    "NamespaceAdmission",
    "Network",
    "PackageException",
    "PackageIndex",
    "Pods",
    "Policy",
    "RenamedField",
    "Rotation",
    "S3Storage",
    "SingleSignOn",
    "TokenIdentity",
    "Upstream",
    "VolumeStorage",
    "Web",
    "Webhook",
]
