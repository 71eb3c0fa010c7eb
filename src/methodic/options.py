"""The options that several commands share, each with its one line of help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A table (CSV, Parquet, Arrow, JSON lines; 'folder/*.csv' for several files), "
        "a folder of images, or a built-in name (digits).",
    ),
]
Model = Annotated[
    Path, typer.Argument(metavar="RUN|BUNDLE", help="The folder of a run, or a saved model.")
]
Folder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]
Target = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN", help="The column to predict; repeatable.", show_default="the obvious one"
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        help="binary, multiclass, multilabel or regression.", show_default="read off the target"
    ),
]
Drop = Annotated[
    list[str] | None, typer.Option(metavar="COLUMN", help="Columns to ignore; repeatable.")
]
Split = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|SHARE|COLUMN",
        help="Your own test rows, their share (20%), or a column that names the parts.",
        show_default="15% at random",
    ),
]
TestRows = Annotated[
    Path | None, typer.Option("--split", metavar="FILE", help="Your own test rows, elsewhere.")
]
Weight = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="How much each row counts.", show_default="all 1"),
]
Group = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Rows of one group stay on one side.")
]
Time = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Test rows are the latest by this column.")
]
SchemaFile = Annotated[
    Path | None,
    typer.Option("--schema", metavar="FILE", help="What the columns mean: a saved schema.yaml."),
]
SchemaOut = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Save it here, as YAML.", show_default="shown only"
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Rows that take more are streamed: 4GB.",
        show_default="half of the free memory",
    ),
]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Leave out images that can't be read.")
]
Unlabelled = Annotated[
    str | None,
    typer.Option(metavar="FILE|FOLDER", help="Further rows without a target, to train on."),
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="N|SHARE",
        help="So many rows keep their targets (100, 5%), as an experiment.",
        show_default="all",
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(metavar="RUN|BUNDLE", help="A trained model to learn from (distillation)."),
]
Budget = Annotated[
    str,
    typer.Option(
        help="Time to the verdict: 90, 60s, 2m, 1h; none: as long as the recipes' stop says."
    ),
]
Recipes = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…", help="Methods to compare; or all.", show_default="fitting the data"
    ),
]
RecipeFiles = Annotated[
    list[str] | None, typer.Option("--recipe", metavar="FILE", help="Your own one; repeatable.")
]
Metric = Annotated[
    str | None, typer.Option(help="The score to rank by.", show_default="by the task")
]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Where all random numbers start.")]
Seeds = Annotated[
    int | None,
    typer.Option(min=1, help="Models per finalist.", show_default="as many as fit, at least 10"),
]
Finalists = Annotated[
    str | None,
    typer.Option(
        metavar="N|all",
        help="How many of the best methods are confirmed.",
        show_default="2 or 3, and the simplest",
    ),
]
SearchFields = Annotated[
    str | None,
    typer.Option(
        "--search",
        metavar="FIELDS",
        help="Search for these, beside the recipes' own ranges: lr,weight_decay,width,…; nuisance, "
        "all, method.",
    ),
]
Sampler = Annotated[
    str | None,
    typer.Option(
        help="How a search chooses settings: random, sobol, grid, tpe, gp, cmaes.",
        show_default="random",
    ),
]
Settings = Annotated[
    int | None,
    typer.Option(
        min=2,
        metavar="N",
        help="Settings that a search tries of each method.",
        show_default="as many as fit, at most 64",
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        help="How far a search trains them: full, halving, hyperband, asha, population.",
        show_default="halving",
    ),
]
Study = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Search along with other processes, in this storage: sqlite:///search.db.",
    ),
]
Equal = Annotated[
    str, typer.Option(help="What all methods get the same of: seconds, steps, samples, flops.")
]
Splits = Annotated[
    str,
    typer.Option(
        help="one, or cv: each seed on a split of repeated cross-validation.",
        show_default="cv for small data",
    ),
]
Detect = Annotated[
    str | None,
    typer.Option(
        metavar="DIFFERENCE", help="As many seeds as find it: 0.5%, or 0.01 in the metric's units."
    ),
]
Out = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where it goes.", show_default="runs/…")
]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps or xpu.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads per worker.", show_default="measured")
]
Workers = Annotated[
    int | None,
    typer.Option(min=0, help="Worker processes; 0: this one.", show_default="measured"),
]
Compile = Annotated[
    bool | None,
    typer.Option(
        "--compile/--no-compile", help="Machine code for the steps.", show_default="where it pays"
    ),
]
Precision = Annotated[
    str,
    typer.Option(help="float32 or bfloat16.", show_default="the faster one that trains as well"),
]
MemoryFormat = Annotated[
    str,
    typer.Option(help="contiguous or channels_last.", show_default="the faster one"),
]
Width = Annotated[
    int | None, typer.Option(min=1, help="Models trained at once.", show_default="the fastest")
]
SharedBatches = Annotated[
    bool, typer.Option("--shared-batches", help="One order of rows for all models.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, nothing else.")]
SameWorkers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=0, help="Worker processes; 0: this one.", show_default="as the run had"
    ),
]
AnyMachine = Annotated[
    bool,
    typer.Option("--any-machine", help="Also where the processor or torch make other bits."),
]
Again = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="DATA", help="The same data, elsewhere.", show_default="as the run did"
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, only the result.")]

OneRecipe = Annotated[str, typer.Option("--recipe", metavar="NAME|FILE", help="The method.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Optimizer steps, instead of a budget.")]
TrainBudget = Annotated[
    str | None,
    typer.Option("--budget", help="Time to train: 90, 60s, 2m, 1h.", show_default="60s"),
]
LibraryName = Annotated[
    str | None,
    typer.Argument(metavar="NAME|FILE", help="A method of the library.", show_default=False),
]
Space = Annotated[
    bool, typer.Option("--space", help="With ranges on all that can be searched for.")
]
Table = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="A .csv or .parquet file.", show_default="printed"
    ),
]
Page = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Where to.", show_default="RUN/report.html"),
]
