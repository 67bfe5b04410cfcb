from unit.wheelyard_operator.fakes import FakeKube, an_index
from wheelyard_operator.desired.access_secret import access_secret
from wheelyard_operator.reconcile.access_files import NOTHING, AccessFiles
from wheelyard_operator.resource import Manifest


class CountingKube(FakeKube):
    """Counts how often an object is read whole."""

    def __init__(self, *objects: Manifest) -> None:
        super().__init__(*objects)
        self.whole = 0

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        self.whole += 1
        return super().get(kind, namespace, name)

    def metadata(self, kind: str, namespace: str, name: str) -> Manifest | None:
        live = super().get(kind, namespace, name)
        return live and {"metadata": live["metadata"]}


def test_a_file_is_read_once_until_it_changes() -> None:
    index, files = an_index(), AccessFiles()
    kube = CountingKube(access_secret(index, "one", ""))
    assert [files.of(kube, index).text for _ in range(3)] == ["one"] * 3
    assert kube.whole == 1
    kube.put(access_secret(index, "two", ""))
    assert [files.of(kube, index).text for _ in range(3)] == ["two"] * 3
    assert kube.whole == 2


def test_the_file_of_another_index_of_this_name_does_not_count() -> None:
    files = AccessFiles()
    assert files.of(CountingKube(access_secret(an_index(uid="before"), "one", "")), an_index()) == NOTHING
    assert files.of(CountingKube(), an_index()) == NOTHING
