"""The command that opens studies in the browser."""

from __future__ import annotations

import logging
import socket
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ontogeny.errors import UserError

app = typer.Typer(rich_markup_mode="markdown")
out = Console(highlight=False, soft_wrap=True)


@app.command()
def workbench(
    folders: Annotated[
        list[Path], typer.Argument(help="Studies, or folders in which studies lie.", metavar="DIR...")
    ],
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0: any that is free.", min=0, max=65535)
    ] = 8765,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. One that others can reach asks for a token, which is printed."
        ),
    ] = "127.0.0.1",
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Look at everything, change nothing.")
    ] = False,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Serve nothing: write a copy that opens from a file or any web server.", metavar="SITE"
        ),
    ] = None,
    runs: Annotated[
        int, typer.Option(help="With --export: how many runs of a study are in it at length.", min=0)
    ] = 8,
) -> None:
    """Look at studies in the browser: runs, every view at every step, all neurons; train, compare, intervene, report.

    Studies are read when they are opened. Training elsewhere may go on meanwhile: what is on disk is shown as it comes.
    """
    try:
        import uvicorn

        from ontogeny.workbench.app import make_app
        from ontogeny.workbench.safety import is_local, names_of, new_token
    except ModuleNotFoundError as error:
        raise UserError(
            f"The workbench needs {error.name}, which is not installed: pip install 'ontogeny[workbench]'."
        ) from None
    if export:
        _export(folders, export, runs)
        return
    token = "" if is_local(host) else new_token()
    application = make_app(folders, names=names_of(host), token=token, read_only=read_only)
    listening = _listen(host, port)
    where = f"[{host}]" if ":" in host else host
    address = f"http://{where}:{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
    out.print(f"workbench: {address}", markup=False)
    out.print("Ctrl-C ends it; what trains goes on.", style="dim")
    if open_ and not token:
        webbrowser.open(address)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    config = uvicorn.Config(
        application, log_level="warning", server_header=False, access_log=False, timeout_graceful_shutdown=3
    )
    uvicorn.Server(config).run(sockets=[listening])


def _export(folders: list[Path], site: Path, runs: int) -> None:
    from ontogeny.workbench.export import export

    def tell(what: str, done: int, total: int) -> None:
        out.print(f"{what} ({done + 1} of {total})", style="dim", markup=False)

    out.print(f"a copy to be read: {export(folders, site, runs, tell)}", markup=False)


def _listen(host: str, port: int) -> socket.socket:
    """A socket at this port; where it is taken, that is said."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)  # who comes before the server is ready waits, and is not refused
    except OSError as error:
        listening.close()
        raise UserError(
            f"{host}:{port} cannot be listened on: {error.strerror}. Choose another with --port (0: any that is free)."
        ) from None
    return listening
