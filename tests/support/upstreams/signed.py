"""Registries of clouds, which redirect downloads to signed URLs of another host: CodeArtifact and Azure."""

import hashlib
import hmac
import secrets
from abc import abstractmethod
from urllib.parse import quote, urlencode

from support.upstreams.kind import Kind
from support.upstreams.messages import Answer, Host, Request, file_answer
from support.upstreams.pages import Attributes, encoded, html_page, links
from support.upstreams.stock import MadeFile, MadeProject, Stock


class Signing(Kind):
    """An index with a login, whose files lie on a host that refuses logins and wants signatures."""

    redirect_status: int
    signature: str
    """The name of the query's parameter."""

    def __init__(self, stock: Stock) -> None:
        super().__init__(stock)
        self._key = secrets.token_bytes(16)

    @abstractmethod
    def query(self, signature: str) -> dict[str, str]:
        """Return the query of a signed URL."""

    def _signed(self, file: MadeFile) -> str:
        path = f"/assets/{hashlib.sha256(file.filename.encode()).hexdigest()}"
        return f"{path}?{urlencode(self.query(self._sign(path)))}"

    def _sign(self, path: str) -> str:
        return hmac.new(self._key, path.encode(), "sha256").hexdigest()

    def expire_urls(self) -> None:
        """Let all URLs that were signed so far expire."""
        self._key = secrets.token_bytes(16)

    def file(self, project: MadeProject, file: MadeFile, request: Request) -> Answer:  # noqa: ARG002
        """Redirect to the signed URL."""
        return Answer(self.redirect_status, headers={"Location": request.origins[Host.FILES] + self._signed(file)})

    def below_files(self, request: Request) -> Answer:
        """Return the bytes for a right signature and no login; or what the index has."""
        if request.host is Host.INDEX:
            return super().below_files(request)
        if request.header("Authorization"):
            return Answer(400, b"<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"})
        if not hmac.compare_digest(request.query.get(self.signature, ""), self._sign(request.path)):
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        digest = request.path.removeprefix("/assets/")
        for _, file in self.stock:
            if hashlib.sha256(file.filename.encode()).hexdigest() == digest:
                return file_answer(file.body)
        return self.nothing(request)


class CodeArtifact(Signing):
    """HTML with URLs relative to the page; the password is a token that expires."""

    name = "codeartifact"
    root = "/pypi/main/simple/"
    user = "aws"
    redirect_status, signature = 302, "X-Amz-Signature"

    def query(self, signature: str) -> dict[str, str]:
        """See `Signing.query`."""
        return {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Expires": "3600", self.signature: signature}

    def path(self, project: MadeProject, file: MadeFile) -> str:
        """Return a path below that of the page."""
        return f"{self.root}{project.name}/{file.version}/{file.filename}"

    def page(self, project: MadeProject, request: Request) -> Answer:  # noqa: ARG002
        """Return the page, without metadata or times."""

        def url(file: MadeFile) -> str:
            return f"{quote(file.version)}/{quote(file.filename)}#sha256={file.sha256}"

        body = html_page(f"Links for {project.name}", links(project, url, _requires_python))
        return Answer(200, body, {"Content-Type": "text/html"})


class Azure(Signing):
    """HTML with long opaque URLs; the user's name is of no interest."""

    name = "azure"
    root = "/acme/tools/_packaging/main/pypi/simple/"
    user = "any"
    redirect_status, signature = 303, "sig"

    def query(self, signature: str) -> dict[str, str]:
        """See `Signing.query`."""
        filler = {f"P{number}": hashlib.sha256(f"{number}".encode()).hexdigest() for number in range(1, 9)}
        return {"sv": "2019-07-07", "sr": "b", self.signature: signature, "sp": "r", **filler}

    def path(self, project: MadeProject, file: MadeFile) -> str:
        """Return a path with the ids of the feed."""
        feed = "0b3f2a64-8f7e-4a52-9d2c-5d8a1c5be0a1/_packaging/c4a3a1d2-64b1-4f0e-8a8b-0a5b6c7d8e9f"
        return f"/acme/{feed}/pypi/download/{project.name}/{file.version}/{file.filename}"

    def page(self, project: MadeProject, request: Request) -> Answer:
        """Return the page, with absolute URLs, and without metadata or times."""

        def url(file: MadeFile) -> str:
            return f"{request.origins[Host.INDEX]}{encoded(self.path(project, file))}#sha256={file.sha256}"

        body = html_page(f"Links for {project.name}", links(project, url, _requires_python))
        return Answer(200, body, {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache"})


def _requires_python(file: MadeFile) -> Attributes:
    return {"data-requires-python": file.requires_python or None}
