"""Products that teams run: Artifactory, Nexus, GitLab and devpi."""

import json
from typing import Any

from support.upstreams.kind import Kind
from support.upstreams.messages import Answer, Request, etag_of, file_answer
from support.upstreams.pages import JSON, Attributes, encoded, html_page, json_page, links
from support.upstreams.stock import MadeFile, MadeProject, Stock


def _requires_python(file: MadeFile) -> Attributes:
    return {"data-requires-python": file.requires_python or None}


class Artifactory(Kind):
    """URLs relative to the page that leave the simple API, and content types of its own."""

    name = "artifactory"
    root = "/artifactory/api/pypi/team-pypi/simple/"
    user = "deployer"
    html_type = "text/html;charset=UTF-8"

    def path(self, project: MadeProject, file: MadeFile) -> str:
        """Return a path in the repository's tree."""
        return f"/artifactory/api/pypi/team-pypi/packages/{project.name}/{file.version}/{file.filename}"

    def page(self, project: MadeProject, request: Request) -> Answer:  # noqa: ARG002
        """Return the page."""

        def url(file: MadeFile) -> str:
            path = encoded(f"{project.name}/{file.version}/{file.filename}")
            return f"../../packages/{path}#sha256={file.sha256}"

        body = html_page(f"Links for {project.name}", links(project, url, _requires_python))
        return Answer(200, body, {"Content-Type": self.html_type, "ETag": etag_of(body)})

    def nothing(self, request: Request) -> Answer:  # noqa: ARG002
        """Return an error as its REST API spells it."""
        body = json.dumps({"errors": [{"status": 404, "message": "File not found."}]}).encode()
        return Answer(404, body, {"Content-Type": "application/json;charset=ISO-8859-1"})

    def file(self, project: MadeProject, file: MadeFile, request: Request) -> Answer:  # noqa: ARG002
        """Return a file with the type that its repository has for it."""
        content_type = "application/zip" if file.filename.endswith(".whl") else "application/x-gzip"
        return file_answer(file.body, content_type, X_Checksum_Sha256=file.sha256)


class Nexus(Kind):
    """HTML with relative URLs; a group answers 200 without links for unknown names."""

    name = "nexus"
    root = "/repository/pypi-all/simple/"

    def __init__(self, stock: Stock) -> None:
        super().__init__(stock)
        self.is_group = False

    def path(self, project: MadeProject, file: MadeFile) -> str:
        """Return a path in the repository's tree."""
        return f"/repository/pypi-all/packages/{project.name}/{file.version}/{file.filename}"

    def simple(self, name: str, request: Request) -> Answer:
        """Return a page; a group has one for every name."""
        if self.is_group and name and name.removesuffix("/") not in self.stock.projects:
            return self.page(MadeProject(name.removesuffix("/")), request)
        return super().simple(name, request)

    def page(self, project: MadeProject, request: Request) -> Answer:  # noqa: ARG002
        """Return the page."""

        def url(file: MadeFile) -> str:
            path = encoded(f"{project.name}/{file.version}/{file.filename}")
            return f"../../packages/{path}#sha256={file.sha256}"

        body = html_page(f"Links for {project.name}", links(project, url, _requires_python))
        return Answer(200, body, {"Content-Type": "text/html", "ETag": etag_of(body)})


class GitLab(Kind):
    """HTML with the digest in the path of each file, and `data-requires-python` always."""

    name = "gitlab"
    root = "/api/v4/projects/42/packages/pypi/simple/"
    user = "deploy-token"

    def __init__(self, stock: Stock) -> None:
        super().__init__(stock)
        self.forwards_to = ""
        """URL of the simple API to which it redirects for unknown names; "": it does not."""

    def path(self, project: MadeProject, file: MadeFile) -> str:  # noqa: ARG002
        """Return a path with the digest."""
        return f"/api/v4/projects/42/packages/pypi/files/{file.sha256}/{file.filename}"

    def simple(self, name: str, request: Request) -> Answer:
        """Return a page, or forward what is not here."""
        project = name.removesuffix("/")
        if self.forwards_to and name and project not in self.stock.projects:
            return Answer(302, headers={"Location": f"{self.forwards_to}{project}"})
        return super().simple(name, request)

    def page(self, project: MadeProject, request: Request) -> Answer:
        """Return the page."""

        def url(file: MadeFile) -> str:
            return f"{self.url(project, file, request)}#sha256={file.sha256}"

        def attributes(file: MadeFile) -> Attributes:
            return {"data-requires-python": file.requires_python}

        body = html_page(f"Links for {project.name}", links(project, url, attributes))
        return Answer(200, body, {"Content-Type": "text/html"})

    def nothing(self, request: Request) -> Answer:  # noqa: ARG002
        """Return an error of its API."""
        return Answer(404, b'{"message":"404 Project Not Found"}', {"Content-Type": "application/json"})


class Devpi(Kind):
    """HTML and JSON 1.0 with relative URLs through `+f`, with metadata."""

    name = "devpi"
    root = "/team/dev/+simple/"
    has_metadata = has_yanks = True

    def path(self, project: MadeProject, file: MadeFile) -> str:  # noqa: ARG002
        """Return a path with the beginning of the digest."""
        return f"/team/dev/+f/{file.sha256[:3]}/{file.sha256[3:16]}/{file.filename}"

    def page(self, project: MadeProject, request: Request) -> Answer:
        """Return the page in the form that is accepted."""

        def url(file: MadeFile) -> str:
            # devpi leaves the plus sign of its own folder as it is.
            folder, _, filename = self.path(project, file).removeprefix("/team/dev/").rpartition("/")
            return f"../../{folder}/{encoded(filename)}"

        if request.accepts(JSON):
            body = json_page(project, url, self._described, meta={"api-version": "1.0"})
            return Answer(200, body, {"Content-Type": JSON})
        body = html_page(
            f"team/dev: links for {project.name}",
            links(project, lambda file: f"{url(file)}#sha256={file.sha256}", self._attributes),
        )
        return Answer(200, body, {"Content-Type": "text/html; charset=utf-8"})

    def _described(self, file: MadeFile) -> dict[str, Any]:
        metadata = {"core-metadata": {"sha256": file.metadata_sha256}} if file.metadata else {}
        yanked = {} if file.yanked is None else {"yanked": file.yanked or True}
        return {"requires-python": file.requires_python or None, **yanked, **metadata}

    def _attributes(self, file: MadeFile) -> Attributes:
        metadata = f"sha256={file.metadata_sha256}" if file.metadata else None
        return {**_requires_python(file), "data-core-metadata": metadata, "data-yanked": file.yanked}
