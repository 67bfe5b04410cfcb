"""Public indexes: PyPI, and one like PyTorch's."""

import hashlib
from typing import Any

from support.upstreams.kind import Kind
from support.upstreams.messages import Answer, Host, Request, etag_of, file_answer
from support.upstreams.pages import HTML, JSON, Attributes, html_page, json_page, links, moment
from support.upstreams.stock import MadeFile, MadeProject, normalized


class PyPI(Kind):
    """Warehouse behind Fastly: JSON 1.4 with all keys, HTML, files on another host."""

    name = "pypi"
    root = "/simple/"
    host_of_files = Host.FILES
    has_metadata = has_upload_times = has_yanks = True

    def path(self, project: MadeProject, file: MadeFile) -> str:  # noqa: ARG002
        """Return a path that stays when a test replaces the bytes; at PyPI it has the BLAKE2 digest of them."""
        digest = hashlib.blake2b(file.filename.encode(), digest_size=32).hexdigest()
        return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file.filename}"

    def simple(self, name: str, request: Request) -> Answer:
        """Redirect names that are not normalized, and paths without a slash."""
        if name and name != f"{normalized(name.removesuffix('/'))}/":
            location = f"{self.root}{normalized(name.removesuffix('/'))}/"
            return Answer(301, headers={"Location": location})
        return super().simple(name, request)

    def page(self, project: MadeProject, request: Request) -> Answer:
        """Return the page in the form that is accepted."""
        if request.accepts(JSON):
            body, content_type = self._json(project, request), JSON
        else:
            body = self._html(project, request)
            content_type = HTML if request.accepts(HTML) else "text/html; charset=UTF-8"
        headers = {
            "Content-Type": content_type,
            "ETag": etag_of(body),
            "Cache-Control": "max-age=600, public",
            "Vary": "Accept, Accept-Encoding",
            "X-PyPI-Last-Serial": str(project.serial),
        }
        return Answer(200, body, headers)

    def _json(self, project: MadeProject, request: Request) -> bytes:
        def describe(file: MadeFile) -> dict[str, Any]:
            metadata = {"sha256": file.metadata_sha256} if file.metadata else False
            return {
                "requires-python": file.requires_python or None,
                "size": len(file.body),
                "upload-time": moment(file.upload_time),
                "yanked": False if file.yanked is None else file.yanked or True,
                "core-metadata": metadata,
                "data-dist-info-metadata": metadata,
                "provenance": self._provenance_url(project, file, request),
            }

        return json_page(
            project,
            lambda file: self.url(project, file, request),
            describe,
            meta={"_last-serial": project.serial, "api-version": "1.4"},
            versions=sorted({file.version for file in project.listed}),
            **{"project-status": self._status(project), "alternate-locations": []},
        )

    def _status(self, project: MadeProject) -> dict[str, str]:
        reason = {"reason": project.status_reason} if project.status_reason else {}
        return {"status": project.status, **reason}

    def _html(self, project: MadeProject, request: Request) -> bytes:
        def attributes(file: MadeFile) -> Attributes:
            metadata = f"sha256={file.metadata_sha256}" if file.metadata else None
            return {
                "data-requires-python": file.requires_python or None,
                "data-yanked": file.yanked,
                "data-dist-info-metadata": metadata,
                "data-core-metadata": metadata,
                "data-provenance": self._provenance_url(project, file, request),
            }

        def url(file: MadeFile) -> str:
            return f"{self.url(project, file, request)}#sha256={file.sha256}"

        meta = {"pypi:repository-version": "1.4", "pypi:project-status": project.status}
        return html_page(f"Links for {project.name}", links(project, url, attributes), meta)

    def _provenance_url(self, project: MadeProject, file: MadeFile, request: Request) -> str | None:
        if not file.provenance:
            return None
        return f"{request.origins[Host.INDEX]}/integrity/{project.name}/{file.version}/{file.filename}/provenance"

    def below_files(self, request: Request) -> Answer:
        """Return a file, or the answer of the Integrity API."""
        match request.path.split("/"):
            case ["", "integrity", name, _, filename, "provenance"] if request.host is Host.INDEX:
                found = [file for project, file in self.stock if (project.name, file.filename) == (name, filename)]
                if found and found[0].provenance:
                    return Answer(
                        200, found[0].provenance, {"Content-Type": "application/vnd.pypi.integrity.v1+json"}
                    )
        return super().below_files(request)

    def file(self, project: MadeProject, file: MadeFile, request: Request) -> Answer:  # noqa: ARG002
        """Return a file, which never changes at this URL."""
        return file_answer(file.body, Cache_Control="max-age=365000000, immutable, public")


class PyTorch(Kind):
    """Static HTML in an S3 bucket behind a CDN; only the files of its own projects have all attributes."""

    name = "pytorch"
    root = "/whl/cu124/"
    host_of_files = Host.FILES
    absent = 403
    has_metadata = True

    def is_own(self, project: MadeProject) -> bool:
        """Return whether a project is made there, and not only copied from elsewhere."""
        return project.name.endswith("-tensor")

    def path(self, project: MadeProject, file: MadeFile) -> str:
        """Return a path: what is copied lies one level higher."""
        return (self.root if self.is_own(project) else "/whl/") + file.filename

    def answer(self, request: Request) -> Answer:
        """Refuse what S3 would not find: a plus sign in a path is a space there."""
        if "+" in request.raw_path:
            return self.nothing(request)
        return super().answer(request)

    def nothing(self, request: Request) -> Answer:  # noqa: ARG002
        """Return the answer of a bucket that may not be listed."""
        return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})

    def page(self, project: MadeProject, request: Request) -> Answer:
        """Return the page; there is no JSON."""
        own = self.is_own(project)

        def attributes(file: MadeFile) -> Attributes:
            metadata = f"sha256={file.metadata_sha256}" if own and file.metadata else None
            return {
                "data-requires-python": file.requires_python or None,
                "data-dist-info-metadata": metadata,
                "data-core-metadata": metadata,
                "data-upload-time": moment(file.upload_time) if own else None,
            }

        def url(file: MadeFile) -> str:
            return self.url(project, file, request) + (f"#sha256={file.sha256}" if own else "")

        body = html_page(f"Links for {project.name}", links(project, url, attributes))
        return Answer(200, body, {"Content-Type": "text/html", "ETag": etag_of(body)})
