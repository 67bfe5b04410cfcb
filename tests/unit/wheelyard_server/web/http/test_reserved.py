"""The table of reserved first segments, against the table of routes: all pairs."""

from itertools import product

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from wheelyard_server.web.http.reserved import RESERVED
from wheelyard_server.web.routes import OLD_ROUTES, ROUTES


def first_segment(path: str) -> str:
    return path.split("/")[1]


def test_it_has_the_first_segment_of_every_path_and_no_other() -> None:
    """Segments of uploads such as `/pypi/+simple/` are no names of projects."""
    own = {first_segment(each.path) for each in ROUTES if each not in OLD_ROUTES}
    assert {each for each in own if not each.startswith("+")} - {""} <= RESERVED


@pytest.mark.parametrize("name", sorted(RESERVED))
@pytest.mark.parametrize("path", ["/{name}/", "/{name}/json", "/{name}"])
async def test_no_reserved_name_is_a_project_of_an_old_index(name: str, path: str) -> None:
    application = web.Application()
    application.add_routes(ROUTES)
    request = make_mocked_request("GET", path.format(name=name))
    found = await application.router.resolve(request)
    if found.http_exception is None and found.handler in {each.handler for each in OLD_ROUTES}:
        request._match_info = found
        with pytest.raises(Exception, match=f"/{name}/ is a path of the index itself|not a valid project name"):
            await found.handler(request)


def test_each_old_path_is_matched_after_all_others() -> None:
    for own, old in product([each for each in ROUTES if each not in OLD_ROUTES], OLD_ROUTES):
        assert ROUTES.index(own) < ROUTES.index(old)
