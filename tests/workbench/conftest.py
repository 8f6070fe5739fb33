"""A workbench over a trained study, asked without a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ontogeny.workbench.app import make_app

HERE = "http://127.0.0.1:8765"


class Client:
    """Asks an application as a browser would that has its page open."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                return await client.request(method, path, headers=headers, **more)

        return anyio.run(ask)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.send("GET", path, {name.replace("_", "-"): text for name, text in headers.items()})

    def said(self, path: str, **query: Any) -> Any:
        """The answer in JSON; a refusal fails the test with its words."""
        answer = self.send("GET", f"/api/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def bytes(self, path: str, **query: Any) -> bytes:
        answer = self.send("GET", f"/api/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.content

    def refused(self, path: str, **query: Any) -> str:
        answer = self.send("GET", f"/api/{path}", params=query)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"])

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        given = {"Content-Type": "application/json", "Origin": HERE, **headers}
        return self.send("POST", f"/api/{path}", given, content=json.dumps(body))


@pytest.fixture(scope="session")
def over() -> Callable[..., Client]:
    """``over(folder, read_only=True)``: a client of a workbench over it."""
    return lambda *folders, **settings: Client(make_app(folders, **settings))


@pytest.fixture(scope="session")
def shelf(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two studies, to be read only."""
    folder = tmp_path_factory.mktemp("shelf")
    for name in ("first", "second"):
        shutil.copytree(trained, folder / name, copy_function=shutil.copy2)
    return folder


@pytest.fixture(scope="session")
def client(over: Callable[..., Client], shelf: Path) -> Client:
    return over(shelf)
