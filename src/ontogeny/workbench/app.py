"""Addresses and what answers them. Every answer is a function of the studies on disk and of the question."""

from __future__ import annotations

import inspect
import logging
import mimetypes
from collections.abc import Callable, Iterable
from functools import wraps
from importlib import resources
from pathlib import Path
from typing import Any

import plotly.offline
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ontogeny.errors import UserError
from ontogeny.workbench import questions_looking, questions_training, viewer
from ontogeny.workbench.library import Library
from ontogeny.workbench.packing import plain
from ontogeny.workbench.questions import QUESTIONS, Questions
from ontogeny.workbench.safety import LOCAL, Guard

REGISTERED = (questions_looking, questions_training)  # modules whose questions are answered
log = logging.getLogger("ontogeny.workbench")


def make_app(
    folders: Iterable[str | Path],
    *,
    names: Iterable[str] = LOCAL,
    token: str = "",
    read_only: bool = False,
) -> Starlette:
    """The application over these folders."""
    questions = Questions(Library(folders, read_only))

    def answering(ask: Callable[..., Any]) -> Callable[[Request], Any]:
        @wraps(ask)
        async def endpoint(request: Request) -> Response:
            try:
                given: dict[str, Any] = dict(request.query_params)
                if request.method == "POST":
                    given |= await request.json()
                bound = inspect.signature(ask).bind(questions, **given | request.path_params)
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": f"This question is not understood: {error}."}, 400)
            try:
                said = await run_in_threadpool(ask, *bound.args, **bound.kwargs)
            except UserError as error:
                return JSONResponse({"error": str(error)}, 400)
            if isinstance(said, bytes):
                return Response(
                    said, media_type="application/octet-stream", headers={"Cache-Control": "no-store"}
                )
            return JSONResponse(plain(said), headers={"Cache-Control": "no-store"})

        return endpoint

    routes = [
        Route(f"/api/{path}", answering(ask), methods=[method]) for (method, path), ask in QUESTIONS.items()
    ]
    routes += [
        Route("/viewer/{name}", _viewer_file),
        Route("/plotly.js", _plotly),
        Route("/api/{rest:path}", _nothing),
        Route("/{rest:path}", _page),
    ]
    guard = Middleware(Guard, names=names, token=token, read_only=read_only)
    handlers: Any = {Exception: _broken}
    return Starlette(routes=routes, middleware=[guard], exception_handlers=handlers)


async def _page(request: Request) -> Response:
    """The same page for every address: what it shows stands in the address."""
    return Response(viewer.page(), media_type="text/html")


async def _viewer_file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in viewer.files():  # names are looked up, never joined to a path
        return _nothing(request)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(viewer.files()[name].read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})


async def _plotly(request: Request) -> Response:
    path = resources.files(plotly.offline).joinpath("..", "package_data", "plotly.min.js")
    headers = {"Cache-Control": "max-age=86400"}
    return Response(path.read_bytes(), media_type="text/javascript", headers=headers)


def _nothing(request: Request) -> Response:
    return JSONResponse({"error": "There is nothing at this address."}, 404)


async def _broken(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    return JSONResponse({"error": f"{said} – this is a mistake of ontogeny's and not yours."}, 500)
