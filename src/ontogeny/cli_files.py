"""Commands about files: in from elsewhere, out to other tools, and more checkpoints of what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from ontogeny.overrides import set_path

app = typer.Typer(rich_markup_mode="markdown")
out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)

Dir = Annotated[
    Path, typer.Argument(help="Directory of a study, as `ontogeny run --out DIR` made it.", metavar="DIR")
]


@app.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(help="Pickles, torch files, safetensors, bundles, or directories.", metavar="FILE..."),
    ],
    out_dir: Annotated[
        Path, typer.Option("--out", help="Study directory to add the runs to; made if not there.")
    ],
    as_: Annotated[
        Literal[
            "bundle",
            "folder",
            "published",
            "sweep",
            "steps",
            "state_dict",
            "saelens",
            "dictionary_learning",
            "sparsify",
            "gemma_scope",
            "weights",
        ]
        | None,
        typer.Option("--as", help="What the file is; by default its content says."),
    ] = None,
    step: Annotated[
        int | None, typer.Option(help="Updates the weights have seen, where the file does not say.")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            help="Raise what a file may be once unpacked: bytes=16G, members=…, ratio=…, nesting=… (may be repeated)."
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="What the models were trained on: kind=modular_addition (see `ontogeny tasks`). p and '=' are read off the shapes."
        ),
    ] = None,
    atoms: Annotated[
        Literal["rows", "columns"] | None,
        typer.Option(
            help="Where the atoms of an SAE lie in a square W_dec, which looks the same either way."
        ),
    ] = None,
) -> None:
    """Make runs of somebody else's files. Nothing in it is executed; what would have been is refused by name.

    Weights do not say what they were trained on: without `--task`, only lenses that read weights can look.

    * **sweep**: bilinear networks by width, {models: {d: state dict}, val_accs: …}
    * **steps**: checkpoints of one run, {step: state dict}
    * **published**: a grokking run: model, checkpoints, losses
    * **state_dict**: one model, in TransformerLens's names or those of a sweep
    * **folder**: a directory of safetensors with a runs.toml
    * **bundle**: what `ontogeny export --format bundle` wrote
    * **saelens**, **dictionary_learning**, **sparsify**, **gemma_scope**: sparse autoencoders, by their folders
    * **weights**: any model in safetensors, of which weights alone are known

        ontogeny import full_run.pth --out out/published --task kind=modular_addition
        ontogeny look out/published --lens key_frequencies
        ontogeny import sae_a sae_b --out out/pair --task kind=activations,file=acts.npy
    """
    from ontogeny.interop.bring import WHAT, bring
    from ontogeny.interop.limits import limits

    said: dict[str, Any] = {}
    for text in task or ():
        for pair in text.split(","):
            set_path(said, pair, "--task")
    runs: list[str] = []
    for file in files:
        brought = bring(file, out_dir, as_, step, said or None, limits(limit or ()), atoms)
        out.print(f"{file} is {WHAT[brought.kind]}.", markup=False)
        for note in brought.notes:
            err.print(f"note: {note}", markup=False)
        runs += brought.runs
    out.print(
        f"{len(runs)} run{'s' * (len(runs) != 1)} in {out_dir}; `ontogeny runs {out_dir}` lists them.",
        markup=False,
    )


@app.command()
def export(
    directory: Dir,
    format: Annotated[
        Literal["safetensors", "npz", "zarr", "bundle", "transformer_lens", "saelens"],
        typer.Option(help="See above."),
    ],
    out_path: Annotated[Path, typer.Option("--out", help="File or directory to make; it must not exist.")],
    run: Annotated[str | None, typer.Option(help="One run alone: its id, or how it begins.")] = None,
    step: Annotated[int | None, typer.Option(help="One step alone; -1 is the last.")] = None,
) -> None:
    """Write a study, one run or one step in a format of other tools.

    * **safetensors**: a directory, one file a run and step, which imports again
    * **npz**: the same for NumPy
    * **zarr**: weights and results as labelled arrays (needs `ontogeny[zarr]`)
    * **bundle**: the whole study in one zip file, which imports again
    * **transformer_lens**: the state dict of one run and step, for `HookedTransformer.load_state_dict`, and beside it OUT.toml
      with task, configuration and step
    * **saelens**: an SAE of one run and step as a folder for `sae_lens.SAE.load_from_disk`

        ontogeny export out/quick --format bundle --out quick.zip
        ontogeny export out/grokking --format transformer_lens --run 3f2a --step -1 --out model.pth
    """
    from ontogeny.interop.export import export as write

    written = write(directory, format, out_path, run=run, step=step)
    out.print(f"{format}: {written}", markup=False)


@app.command()
def densify(
    directory: Dir,
    run: Annotated[str, typer.Option(help="The run: its id, or how it begins.")],
    from_step: Annotated[int, typer.Option("--from", help="First step of the stretch.")],
    to_step: Annotated[int, typer.Option("--to", help="Last step of the stretch.")],
    every: Annotated[int, typer.Option(help="Keep the weights every so many steps.")] = 1,
) -> None:
    """Keep more checkpoints of a stretch that was trained already.

    Training goes on from the nearest resume point before it (the study's `resume_points` keeps more of them), and must come
    upon every step that was kept before bit for bit. `ontogeny look` then looks at the new steps alone.

        ontogeny densify out/grokking --run 3f2a --from 2000 --to 3000 --every 10
    """
    from ontogeny.handles import open_store

    one = open_store(directory).run(run)
    new = one.densify(from_step, to_step, every)
    if new:
        out.print(
            f"{len(new)} new steps, {new[0]} … {new[-1]}; run {one.id} now has {len(one.steps)}.",
            markup=False,
        )
    else:
        out.print(f"nothing to do: run {one.id} has all of these steps.", markup=False)
