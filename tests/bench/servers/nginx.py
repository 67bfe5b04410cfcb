"""nginx, with all pages made beforehand: the limit, since it does nothing else than send."""

import gzip
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench import data
from bench.data import Tree
from bench.places import kept
from bench.servers.base import COMPARED, Running, Server, free_port, start_program
from cluster import debian
from wheelyard_server.catalog.stored_project import StoredProject, Views
from wheelyard_server.model import Project
from wheelyard_server.storage import ETag
from wheelyard_server.web.pages.negotiation import MediaType
from wheelyard_server.web.pages.project_page import project_page
from wheelyard_server.web.pages.simple_pages import root_page

DOWNLOADS = "downloads.log"
_PROGRAM = "/usr/sbin/nginx"
_CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  open_file_cache max=100000 inactive=60s;
  open_file_cache_valid 60s;
  keepalive_requests 10000000;
  client_max_body_size 0;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  default_type application/octet-stream;
  map $http_accept $page {{
    default index.html;
    "~^application/vnd.pypi.simple.v1\\+json" index.json;
  }}
  types {{ text/html html; application/vnd.pypi.simple.v1+json json; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {root};
    location ~ ^/simple/(?<project>[^/]*/?)$ {{
      gzip_static on;
      rewrite ^ /pages/$project$page break;
      add_header Cache-Control no-cache;
      add_header Vary "Accept, Accept-Encoding";
    }}
    location /files/ {{
      add_header Cache-Control "max-age=365000000, immutable";
      {files}
    }}
    location /put/ {{ root {home}; dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""


class Nginx(Server):
    """Pages and files as they lie; an upload is a plain PUT, neither checked nor synced to the disk."""

    name = "nginx"
    settings = "1 worker, sendfile, open_file_cache, gzip_static; uploads are bare PUTs without fsync"
    uploads, upload_method = "/put/", "PUT"
    groups = COMPARED | {"huge", "mirrors", "mirrored-installs"}
    logs_files = False
    """Whether each download is a line of `DOWNLOADS` in its folder."""

    def install(self) -> str:
        """See `Server.install`."""
        debian.install_packages(("nginx", "wrk"))
        said = subprocess.run([_PROGRAM, "-v"], capture_output=True, text=True, check=True).stderr
        return said.strip().rpartition("/")[2]

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`."""
        if tree:
            self.site(tree)

    def site(self, tree: Tree) -> Path:
        """Return the pages and files that it serves."""
        return site(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        root = self.site(tree) if tree else home
        if not tree:
            _write_page(home / "pages", b"", b"")
        for folder in ("put", "body"):
            # Workers are another user's where nginx is started by root.
            (home / folder).mkdir()
        port = free_port()
        configuration = home / "nginx.conf"
        owner = "user root;\n" if os.geteuid() == 0 else ""
        files = f"access_log {home}/{DOWNLOADS};" if self.logs_files else ""
        configuration.write_text(owner + _CONFIGURATION.format(home=home, port=port, root=root, files=files))
        return start_program(self, home, (_PROGRAM, "-c", str(configuration), "-p", str(home)), port)


def site(tree: Tree) -> Path:
    """Return the pages and files of a tree as nginx serves them."""
    return kept(f"{tree.name}-nginx", lambda folder: _write_site(tree, folder))


def _write_site(tree: Tree, folder: Path) -> None:
    names: list[str] = []
    if tree == data.HUGE:
        names = [f"huge-{number:05}" for number in range(data.HUGE_PROJECTS)]
    else:
        for project, files in data.described(tree):
            names.append(project.name)
            _write_project(project, files, folder)
    _write_page(folder / "pages", *(root_page(names, each).body for each in _TYPES))


_TYPES = (MediaType.HTML_V1, MediaType.JSON_V1)


def _write_project(project: Project, files: Sequence[Path], folder: Path) -> None:
    view = Views().of(StoredProject(project, ETag("")))
    assert view is not None
    _write_page(folder / "pages" / project.name, *(project_page(view, each, "").body for each in _TYPES))
    for file, path in zip(project.files, files, strict=True):
        place = folder / "files" / project.name / file.sha256
        place.mkdir(parents=True)
        (place / file.filename).hardlink_to(path)
        (place / f"{file.filename}.metadata").write_bytes(data.core_metadata(path))


def _write_page(folder: Path, html: bytes, json: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in (("index.html", html), ("index.json", json)):
        (folder / name).write_bytes(body)
        (folder / f"{name}.gz").write_bytes(gzip.compress(body, 6, mtime=0))
