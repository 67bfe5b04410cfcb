"""The eight kinds by their names."""

from support.upstreams.kind import Kind
from support.upstreams.products import Artifactory, Devpi, GitLab, Nexus
from support.upstreams.public import PyPI, PyTorch
from support.upstreams.signed import Azure, CodeArtifact

KINDS: dict[str, type[Kind]] = {
    kind.name: kind for kind in (PyPI, PyTorch, CodeArtifact, Artifactory, Nexus, GitLab, Devpi, Azure)
}
