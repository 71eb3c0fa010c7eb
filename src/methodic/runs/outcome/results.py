"""What a run left behind, as one value: the ranking, the curves, the trained model, the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic.diagnosis import Finding, Findings
from methodic.evidence import curves
from methodic.evidence.ablation import Ablation
from methodic.evidence.closer.analysis import Analysis
from methodic.evidence.leaderboard import Leaderboard
from methodic.plan import Plan, RunState
from methodic.report import notebook, page
from methodic.report.folder import load as read_folder
from methodic.runs import networks
from methodic.runs.networks import Source
from methodic.tuning import SearchRecord

if TYPE_CHECKING:
    import polars as pl
    from torch import nn

    from methodic.bundle import Bundle


@dataclass(frozen=True)
class Run:
    """A run's folder, read.

    Args:
        folder: where everything lies.
        plan: what was to run.
        state: how far it came.
        leaderboard: the ranking; None before the first cohort is done.
        analysis: the shipped model on test rows, beyond one number; None before it was made.
        ablation: what mattered in the winner; None where it was not measured.
        diagnosis: leaks and lies in the data, and what was looked for; None where nobody looked.
        model: the user's own network, in a run that trains it; needed for predictions.
        search: what a search tried; None in a run without one.
    """

    folder: Path
    plan: Plan
    state: RunState
    leaderboard: Leaderboard | None
    analysis: Analysis | None = None
    ablation: Ablation | None = None
    diagnosis: Findings | None = None
    model: Source | None = field(default=None, repr=False, compare=False)
    search: SearchRecord | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found about the data, serious ones first."""
        return self.diagnosis.findings if self.diagnosis is not None else ()

    @property
    def bundle_path(self) -> Path:
        """Folder of the trained model."""
        return self.folder / "model"

    @property
    def report_path(self) -> Path:
        """The report, one HTML file."""
        return self.folder / "report.html"

    @property
    def bundle(self) -> Bundle:
        """The trained model."""
        from methodic.bundle import load

        return load(self.folder, None if self.model is None else networks.started(self.model, 0))

    @property
    def module(self) -> nn.Module | None:
        """The user's own network with the shipped weights; None in a run of the recipes' own."""
        return self.bundle.module if self.plan.network is not None else None

    @property
    def curves(self) -> pl.DataFrame:
        """The learning curves: one row per member and evaluation; see `evidence.curves`.

        Of a run that isn't finished, those that are recorded so far.
        """
        path = self.folder / "records" / curves.NAME
        if self.state.status == "finished" and path.exists():
            return curves.read(path)
        read = read_folder(self.folder)
        return curves.table((*read.screened, *read.confirmed, *read.trained))

    def predict(self, source: Any) -> pl.DataFrame:
        """Predictions of the shipped model for raw rows; see `Bundle.predict_frame`."""
        return self.bundle.predict_frame(source)

    def report(self, out: Path | str | None = None) -> Path:
        """Write the report as one HTML file; returns where."""
        return page.write(self.folder, None if out is None else Path(out))

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict and the ranking."""
        where = f"{self.folder}: {self.state.status}"
        if self.leaderboard is None:
            return notebook.unfinished("This run has no ranking.", where)
        return notebook.html(self.leaderboard, where)


def finish(folder: Path, model: Source | None = None) -> Run:
    """Write what is made of all records, and read the run."""
    done = read_folder(folder)
    curves.write(folder / "records" / curves.NAME, (*done.screened, *done.confirmed, *done.trained))
    page.write(folder)
    return load_run(folder, model)


def load_run(folder: Path | str, model: Source | None = None) -> Run:
    """Read a run's folder; see `report.folder.load` for the errors.

    Args:
        folder: the run's.
        model: of a run that trains a network of your own: the same one again, for predictions.
    """
    read = read_folder(Path(folder))
    if model is not None:
        networks.again(model, read.plan.network, Path(folder), 0)
    return Run(
        folder=Path(folder),
        plan=read.plan,
        state=read.state,
        leaderboard=read.leaderboard,
        analysis=read.analysis,
        ablation=read.ablation,
        diagnosis=read.findings,
        model=model,
        search=read.search,
    )
