"""The catalog as pages for people show it to one principal: as it is known here. No upstream is ever asked."""

from collections.abc import Iterable

from wheelyard_server.access.guarded_log import GuardedLog
from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.projects import Projects
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import NotFoundError
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.names import NormalizedName


class GuardedPages(GuardedLog):
    """Answers what pages ask; see `GuardedCatalog`."""

    def may(self, verb: Verb, name: NormalizedName) -> bool:
        """Return whether the principal may do this to a project, whether the project exists or not."""
        return self._may(verb, name)

    def may_all(self, verb: Verb) -> bool:
        """Return whether the principal may do this to every project."""
        return self._rules.allows_all(self.principal, verb)

    async def known_project(self, name: NormalizedName) -> ProjectView:
        """Return a project as the storage has it, without asking an upstream.

        Raises as `project`. What only an upstream may have is absent, and so is what the principal
        may not read, in the same words.
        """
        try:
            self._require(Verb.READ, name)
            return await self._catalog.known_project(name)
        except NotFoundError as error:
            raise NotFoundError(f"{error}{self._ways_to_get}") from error

    @property
    def _ways_to_get(self) -> str:
        """Return how a project may come here: the same for all names, since absent ones must look alike."""
        if not self._catalog.upstreams:
            return ""
        return ". If an upstream has it, `pip install` brings it here, and it has a page from then on"

    async def known_description(self, view: ProjectView, file: OfferedFile) -> bytes | None:
        """Return the core metadata of a file that is served, if it is here; None if it is not."""
        name = NormalizedName(view.project.name)
        self._require(Verb.READ, name, file.filename)
        found = await view.file(file.filename)
        if found is None or not view.verdict(found).is_served:
            return None
        if isinstance(found, MirroredFile):
            return await self._catalog.mirrored.kept_metadata(view.source(found))
        return await self._catalog.core_metadata(name, found)

    async def knows(self, name: NormalizedName) -> bool:
        """Return whether there is a readable project of this name, by a list that may be a minute old."""
        return name in await self.known_names((name,))

    async def known_names(self, names: Iterable[NormalizedName]) -> frozenset[NormalizedName]:
        """Return the names of readable projects among these, by a list that may be a minute old."""
        readable = [name for name in names if self._may(Verb.READ, name)]
        return await self._catalog.known_names(readable) if readable else frozenset()

    async def _readable(self, projects: Projects) -> Projects:
        """Return the readable ones of some projects; raise if the principal may read none at all."""
        self._require_some(Verb.READ)
        readers = self._rules.granting(self.principal, Verb.READ)
        return await projects.selected(readers.grants, readers.cover)
