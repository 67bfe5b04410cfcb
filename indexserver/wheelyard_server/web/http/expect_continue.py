"""`Expect: 100-continue` (RFC 9110, section 10.1.1): a body is asked for only when it is wanted.

aiohttp asks for it before anything has looked at the request: a client would send 5 GiB to learn
that its token has expired.
"""

from aiohttp import HttpVersion11, hdrs, web

_CONTINUED = web.RequestKey("continued", bool)


async def defer_continue(request: web.Request) -> None:
    """Send no `100 Continue` yet; the `expect_handler` of routes whose handlers call `send_continue`."""
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="The only supported expectation is 100-continue\n")


async def send_continue(request: web.Request) -> None:
    """Send `100 Continue` if the client waits for it."""
    if _is_waiting(request):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # The answer itself has not begun.
    request[_CONTINUED] = True


async def close_unless_continued(request: web.Request, response: web.StreamResponse) -> None:
    """Close the connection if the body was not asked for: the client may send it or not."""
    if _is_waiting(request) and not request.get(_CONTINUED, False):
        response.headers["Connection"] = "close"
        response.force_close()


def _is_waiting(request: web.Request) -> bool:
    return request.version >= HttpVersion11 and hdrs.EXPECT in request.headers
