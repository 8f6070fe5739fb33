"""The viewer in a notebook cell: ``run.explore()``, ``store.explore()``. The kernel answers what the server would."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import plotly.offline
import traitlets

from ontogeny.errors import UserError
from ontogeny.workbench import questions_looking, viewer
from ontogeny.workbench.export import answered
from ontogeny.workbench.library import Library
from ontogeny.workbench.packing import plain
from ontogeny.workbench.questions import Questions

REGISTERED = (questions_looking,)


@cache
def script() -> str:
    """The viewer as one module."""
    return f"{viewer.bundle('widget.js')}\nexport default {{ render: renderWidget }};\n"


class Explorer(anywidget.AnyWidget):
    """Looks at one study. ``state`` is what the viewer shows, as words; it may be set from Python as well.

    ``explorer.step``: the step under the cursor; ``explorer.units``: units chosen in the mosaic; ``explorer.run_id``: the run.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    height = traitlets.Int(760).tag(sync=True)

    def __init__(self, root: Path, **state: str) -> None:
        self._questions = Questions(Library([root], read_only=True))
        (key,) = (
            one.key for one in self._questions.library.folders.places() if one.root == Path(root).resolve()
        )
        css = viewer.files()["style.css"].read_text(encoding="utf-8")
        super().__init__(_esm=script(), _css=css, state={"s": key, **state})
        self.on_msg(self._asked)

    @property
    def step(self) -> int | None:
        """The step under the cursor; None: it was not moved, and stands at the last."""
        return int(self.state["step"]) if self.state.get("step") else None

    @property
    def units(self) -> list[int]:
        """Units that are chosen in the mosaic, or the one that is looked at."""
        chosen = self.state.get("units") or self.state.get("unit") or ""
        return [int(one) for one in chosen.split(",") if one]

    @property
    def run_id(self) -> str:
        """The run that is looked at."""
        return str(self.state.get("run", ""))

    def _asked(self, _: Any, content: dict[str, Any], buffers: list[bytes]) -> None:
        """A question of the viewer, answered with its number."""
        number = content.get("number")
        try:
            if content.get("path") == "plotly.js":
                self.send({"number": number}, [plotly.offline.get_plotlyjs().encode()])
                return
            said = answered(self._questions, str(content["path"]), dict(content.get("given", {})))
        except (UserError, TypeError, KeyError) as error:
            self.send({"number": number, "error": str(error)})
            return
        if isinstance(said, bytes):
            self.send({"number": number}, [said])
        else:
            self.send({"number": number, "json": plain(said)})
