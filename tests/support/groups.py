"""Which tests on the cluster share something: they run in one process, in order. All others run by themselves."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

QUICKSTART = ("test_access.py", "test_argocd.py", "test_documents.py", "test_main_job.py")
"""They use the quick start's index and users. Some kill the operator, which Argo CD's test watches."""
EDGE = ("test_gateway.py", "test_ingress.py", "test_options.py")
"""They run a controller at the cluster's edge, or have something that one would serve."""
CONDITIONS = ("test_conditions.py",)
"""Most of them run while others are left alone to rest."""
PLUGIN = ("test_kubectl_plugin.py",)
"""They make the same ClusterRoles."""
POLICIES = ("test_policies.py",)
"""They share an index of three servers."""

_GROUPS = {file: group[0] for group in (QUICKSTART, EDGE, CONDITIONS, PLUGIN, POLICIES) for file in group}


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Give each group to one process.

    The group `loadgroup` of pytest-xdist 3.8 would do, but it groups nothing with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """Return the name of the group, or the test itself."""
    return _GROUPS.get(PurePosixPath(nodeid.partition("::")[0]).name, nodeid)
