"""A comparison as a table: Markdown, HTML, LaTeX and plain text, with what has to be known below it."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import markupsafe
import xarray as xr

from ontogeny.errors import UnknownName, UserError

if TYPE_CHECKING:
    import pandas as pd

    from ontogeny.representations.result import Comparison, Format

FORMATS = ("markdown", "html", "latex", "text")
NAMES = {
    "row_shuffle": "samples shuffled",
    "random": "random matrix",
    "rematched": "random subsets, re-matched",
    "reinitialised": "untrained",
}


def number(x: float, digits: int = 3) -> str:
    if math.isnan(x):
        return "–"
    return f"{x:.{digits}g}" if x and not 1e-3 <= abs(x) < 1e5 else f"{x:.{digits}f}"


def mean_and_sd(mean: float, sd: float) -> str:
    spread = "" if math.isnan(sd) else f" ± {number(sd)}"
    return number(mean) + (spread if not math.isnan(mean) else "")


def p_value(p: float) -> str:
    return "–" if math.isnan(p) else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def rendered(head: list[str], rows: list[list[str]], notes: list[str], format: Format) -> str:
    """Rows of cells as a table, with notes below it."""
    if format not in FORMATS:
        raise UnknownName("format of a table", format, FORMATS)
    return {"markdown": _markdown, "html": _html, "latex": _latex, "text": _text}[format](head, rows, notes)


def written(
    table: Callable[[Format], str],
    frame: pd.DataFrame,
    path: Path,
    also: Callable[[Path], object] | None = None,
) -> Path:
    """What a table says, in a file by its ending; ``also`` writes .nc."""
    formats: dict[str, Format] = {".md": "markdown", ".html": "html", ".tex": "latex", ".txt": "text"}
    if path.suffix in formats:
        path.write_text(table(formats[path.suffix]) + "\n", encoding="utf-8")
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".nc" and also:
        also(path)
    else:
        raise UserError(
            f"{path.name}: choose the ending .md, .html, .tex, .txt{', .csv or .nc' if also else ' or .csv'}."
        )
    return path


def render(result: Comparison, format: Format) -> str:
    head, rows = _cells(result.data)
    return rendered(head, rows, [_method(result.data), *(f"Note: {w}." for w in result.warnings)], format)


def save(result: Comparison, path: Path) -> Path:
    data = result.data.assign_attrs(warnings=list(result.warnings) or "none")
    return written(result.table, result.to_dataframe(), path, lambda p: data.to_netcdf(p, engine="h5netcdf"))


def _cells(data: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    """Column names, and one row for each pair and measure; columns that are empty everywhere are left out."""
    nulls = [str(n) for n in data["null"].values]
    pairs = [
        (i, j)
        for i in range(data.sizes["first"])
        for j in range(data.sizes["second"])
        if data.sizes["first"] * data.sizes["second"] == 1
        or str(data["first"].values[i]) != str(data["second"].values[j])
    ]
    head = ["first", "second", "measure", "", "value", "reverse"]
    for null in nulls:
        name = NAMES.get(null, null)
        head += [name, "z", "p"]
    head += ["p within grid", "ceiling", "above chance", "n", "d × e", "k"]
    rows = [
        _row(data.sel(measure=measure).isel(first=i, second=j), nulls)
        for i, j in pairs
        for measure in data["measure"].values
    ]
    if len(pairs) <= 1:
        for row in rows:
            row[head.index("p within grid")] = "–"
    keep = [c for c in range(len(head)) if any(row[c] != "–" for row in rows)]
    return [head[c] for c in keep], [[row[c] for c in keep] for row in rows]


def _row(one: xr.Dataset, nulls: list[str]) -> list[str]:
    of = {name: float(one[name]) for name in one.data_vars if not one[name].dims}
    interval = "" if math.isnan(of["low"]) else f" [{number(of['low'])}, {number(of['high'])}]"
    arrow = "↑" if str(one["kind"].item()) == "similarity" else "↓"
    cells = [str(one["first"].item()), str(one["second"].item()), str(one["measure"].item()), arrow]
    cells += [number(of["value"]) + interval, number(of["reverse"])]
    for null in nulls:
        at = one.sel(null=null)
        mean, sd, z, p = (float(at[name]) for name in ("null_mean", "null_sd", "z", "p"))
        cells += [mean_and_sd(mean, sd), number(z, 1), p_value(p)]
    within = [float(x) for x in one["p_adjusted"].values]
    chance = [float(x) for x in one["above_chance"].values]
    k, other = of["k"], of["k_other"]
    cells += [
        p_value(max((x for x in within if not math.isnan(x)), default=math.nan)),
        mean_and_sd(of["ceiling"], of["ceiling_sd"]),
        number(min((x for x in chance if not math.isnan(x)), default=math.nan)),
        str(int(one["n"])),
        f"{int(one['d'])} × {int(one['e'])}",
        "–" if math.isnan(k) else f"{k:.0f}" if k == other else f"{k:.0f}, {other:.0f}",
    ]
    return cells


def _method(data: xr.Dataset) -> str:
    said: dict[str, Any] = dict(data.attrs)
    words = ["↑ higher is more alike, ↓ lower is more alike"]
    if data.sizes["null"]:
        words.append(f"null: mean ± SD of {said['draws']} draws, p = (1 + #{{as alike}})/(1 + draws)")
    if said["resamples"] and bool(data["low"].notnull().any()):
        words.append(
            f"[{said['level']:.0%} interval] from {said['resamples']} half samples of {said['sampling_units']} sampling units"
        )
    if said["align"] != "none":
        on = (
            "one half of the samples, scored on the other"
            if said["fit_on"] == "half"
            else "the samples that are scored"
        )
        words.append(f"aligned ({said['align']}) on {on}")
    return "; ".join(words) + f"; seed {said['seed']}."


def _markdown(head: list[str], rows: list[list[str]], notes: list[str]) -> str:
    escape = lambda cells: " | ".join(c.replace("|", "\\|") for c in cells)  # noqa: E731
    lines = [f"| {escape(head)} |", f"|{'---|' * len(head)}", *(f"| {escape(row)} |" for row in rows)]
    return "\n".join([*lines, "", *(f"{note}  " for note in notes)]).rstrip()


def _html(head: list[str], rows: list[list[str]], notes: list[str]) -> str:
    def line(cells: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    below = "".join(f"<p><small>{html.escape(note)}</small></p>" for note in notes)
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>{below}"


TEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
SIGNS = {
    "±": r"$\pm$",
    "×": r"$\times$",
    "–": "--",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
}


def _latex(head: list[str], rows: list[list[str]], notes: list[str]) -> str:
    def tex(text: str) -> str:
        text = text.replace("\\", r"\textbackslash ")
        for sign, word in {**TEX, **SIGNS, "~": r"\textasciitilde ", "^": r"\textasciicircum "}.items():
            text = text.replace(sign, word)
        return text

    lines = [" & ".join(map(tex, row)) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'l' * len(head)}}}",
            r"\toprule",
            " & ".join(map(tex, head)) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *(f"% {note}" for note in notes),
        ]
    )


def _text(head: list[str], rows: list[list[str]], notes: list[str]) -> str:
    widths = [max(len(row[c]) for row in [head, *rows]) for c in range(len(head))]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join([*lines, *notes])


def inert(text: str) -> markupsafe.Markup:
    """JSON that cannot end the script element it stands in."""
    json.loads(text)  # what is inlined unescaped is JSON and nothing else
    return markupsafe.Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))
