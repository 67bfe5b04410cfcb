"""The descriptions (READMEs) of projects on pages for people."""

from aiohttp import web

from wheelyard_server.readmes.readmes import Readmes

READMES = web.AppKey("readmes", Readmes)
