"""Decisions on hand-made scores: what is kept, and whose training ends."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from methodic.engine.evaluation import Scores
from methodic.engine.monitor import Monitor, Window
from methodic.engine.parts import StopRule
from methodic.engine.step import Seen

NAN = math.nan


def seen(loss: Sequence[float], norm: Sequence[float] | None = None) -> Seen:
    losses = torch.tensor(loss)
    norms = torch.tensor(norm) if norm is not None else torch.ones(len(loss))
    return Seen(losses, {}, norms, torch.isfinite(losses))


class Play:
    """A monitor that is shown one evaluation after the other, ten steps apart."""

    def __init__(self, width: int, greater: bool = True, **stop: object) -> None:
        self.monitor = Monitor(StopRule(**stop), greater, width)  # type: ignore[arg-type]
        self.alive = torch.ones(width, dtype=torch.bool)
        self.step, self.width = 0, width

    def look(
        self,
        score: Sequence[float],
        loss: Sequence[float] | None = None,
        window: Sequence[Seen] | None = None,
    ) -> Tensor:
        """Weights are the step's number, so that it can be seen which ones were kept."""
        self.step += 10
        scores = Scores(np.array(score), np.array(loss or [1.0] * self.width))
        flat = torch.full((self.width, 2), float(self.step))
        buffers = {"b": torch.full((self.width, 1), float(self.step))}
        steps = Window()
        for each in window or [seen([1.0] * self.width)] * 10:
            steps.add(each)
        self.alive = self.monitor.look(self.step, scores, steps, flat, buffers, self.alive)
        return self.alive

    def kept(self) -> list[float]:
        flat, buffers = self.monitor.kept(
            torch.full((self.width, 2), -1.0), {"b": torch.full((self.width, 1), -1.0)}
        )
        assert torch.equal(flat[:, :1], buffers["b"]), "weights and statistics belong together"
        return flat[:, 0].tolist()


def test_the_best_of_each_member_is_kept() -> None:
    play = Play(3)
    for scores in ([0.1, 0.9, 0.5], [0.2, 0.8, 0.7], [0.3, 0.7, 0.6]):
        play.look(scores)
    assert play.kept() == [30, 10, 20]
    fates = play.monitor.fates
    assert [fate.best_step for fate in fates] == [30, 10, 20]
    assert [fate.best_score for fate in fates] == [0.3, 0.9, 0.7]
    assert [fate.kept_score for fate in fates] == [0.3, 0.9, 0.7]
    assert [fate.waited for fate in fates] == [0, 2, 1]


def test_small_is_good_where_the_metric_says_so() -> None:
    play = Play(2, greater=False)
    for scores in ([0.3, 0.1], [0.2, 0.2], [0.1, 0.3]):
        play.look(scores)
    assert play.kept() == [30, 10]


def test_equal_scores_go_by_the_loss_and_then_to_the_earlier() -> None:
    play = Play(3)
    play.look([0.5, 0.5, 0.5], [1.0, 1.0, 1.0])
    play.look([0.5, 0.5, 0.5], [0.9, 1.0, 1.1])
    assert play.kept() == [20, 10, 10]
    play.look([0.4, 0.6, 0.5], [0.1, 2.0, NAN])
    assert play.kept() == [20, 30, 10]


def test_scores_that_are_not_numbers() -> None:
    play = Play(3, patience=2)
    play.look([NAN, 0.5, NAN])
    play.look([0.1, NAN, NAN])
    assert play.kept() == [20, 10, 10]
    assert play.monitor.fates[1].waited == 1
    assert [point.score for point in play.monitor.curves[1]] == [0.5, None]
    assert play.alive.tolist() == [True, True, False]
    assert math.isnan(play.monitor.fates[2].best_score)


def test_patience_counts_evaluations_since_the_best() -> None:
    play = Play(2, patience=2)
    for scores in ([0.5, 0.5], [0.4, 0.5], [0.6, 0.4]):
        play.look(scores, [1.0, 1.0])
    assert play.alive.tolist() == [True, False]
    stopped = play.monitor.fates[1]
    assert (stopped.status, stopped.ended) == ("stopped", 30)
    assert "2 evaluations" in stopped.why
    play.look([0.7, 0.99])
    assert play.kept() == [40, 10], "who has ended isn't looked at any more"
    assert len(play.monitor.curves[1]) == 3


def test_stop_criteria() -> None:
    play = Play(4, loss=0.2, gradient_norm=0.01)
    early = seen([0.01, 0.5, 0.5, NAN], [1.0, 0.001, 1.0, 1.0])
    late = seen([0.5, 0.5, 0.1, 0.1], [1.0, 1.0, 0.001, 1.0])
    # Mean losses 0.255, 0.5, 0.3, and 0.1 of those that are finite; last norms 1, 1, 0.001, 1.
    assert play.look([0.5] * 4, window=[early, late]).tolist() == [True, True, False, False]
    assert "gradient norm below 0.01" in play.monitor.fates[2].why
    assert "training loss below 0.2" in play.monitor.fates[3].why
    assert play.monitor.curves[0][0].train_loss == pytest.approx(0.255)


def test_a_divergence_is_dated_by_the_step_that_broke() -> None:
    play = Play(2)
    play.look([0.5, 0.5])
    window = [seen([1.0, 1.0])] * 3 + [seen([NAN, 1.0])] * 7
    play.alive = torch.tensor([False, True])
    assert play.look([0.6, 0.6], window=window).tolist() == [False, True]
    fate = play.monitor.fates[0]
    assert (fate.status, fate.ended) == ("diverged", 14)
    assert "step 14" in fate.why


def test_a_stage_starts_anew() -> None:
    play = Play(2, patience=3)
    play.look([0.9, 0.9])
    play.look([0.8, 0.8])
    play.monitor.restart()
    play.look([0.1, 0.1])
    assert play.kept() == [30, 30], "the weights of the stage before don't count"
    assert play.monitor.fates[0].waited == 0
    play.look([0.2, 0.0])
    assert play.kept() == [40, 30]


def test_who_ended_in_an_earlier_stage_keeps_its_best_weights() -> None:
    play = Play(2, patience=1)
    play.look([0.9, 0.1])
    play.look([0.8, 0.2])
    assert play.alive.tolist() == [False, True]
    play.monitor.restart()
    play.look([0.8, 0.0])
    assert play.kept() == [10, 30]
    assert play.monitor.fates[0].best_score == 0.9


def test_a_stage_without_an_evaluation_keeps_its_last_weights() -> None:
    play = Play(2, patience=1)
    assert play.kept() == [-1, -1]
    play.look([0.9, 0.1])
    play.look([0.8, 0.2])
    play.monitor.restart()
    assert play.kept() == [10, -1]


def test_keeping_the_last_reports_the_score_of_the_last() -> None:
    play = Play(2, patience=2, keep_best=False)
    for scores in ([0.9, 0.1], [0.8, 0.2]):
        play.look(scores, [0.5, 0.4])
    assert play.kept() == [-1, -1], "the weights as they are"
    assert [fate.kept_score for fate in play.monitor.fates] == [0.8, 0.2]
    assert [fate.kept_step for fate in play.monitor.fates] == [20, 20]
    assert play.monitor.fates[0].best_score == 0.9
    assert play.monitor.fates[0].waited == 1, "patience still asks for the best"


def test_kept_weights_are_copies() -> None:
    play = Play(1)
    flat = torch.ones(1, 2)
    scores = Scores(np.array([0.5]), np.array([1.0]))
    window = Window()
    window.add(seen([1.0]))
    play.monitor.look(1, scores, window, flat, {}, play.alive)
    flat.zero_()
    assert torch.equal(play.monitor.kept(flat, {})[0], torch.ones(1, 2))


def test_a_window_gathers_what_it_saw() -> None:
    """More steps than it gathers at once, and a copy that doesn't grow along."""
    window, steps = Window(), 600
    for i in range(steps):
        window.add(seen([float(i), math.inf], [1.0, float(-i)]))
        if i == 300:
            copy = window.copy()
    assert (len(window), len(copy)) == (steps, 301)
    loss, norm, finite = window.tables()
    assert loss[:, 0].tolist() == list(range(steps))
    assert norm[:, 1].tolist() == [-i for i in range(steps)]
    assert finite.all(0).tolist() == [True, False]
    again = Window(window.tables())
    again.add(seen([7.0, 7.0]))
    assert len(again) == steps + 1
    assert torch.equal(copy.tables()[0], loss[:301])
    assert len(Window([table[:0] for table in window.tables()])) == 0


LONG = 20_000  # steps; a window keeps rows of fewer than 8192


def noisy() -> tuple[Tensor, Tensor]:
    """Losses [T, 3] and what was finite: never broken, broken early, broken late."""
    losses = torch.rand(LONG, 3, generator=torch.Generator().manual_seed(0)) * 1e4
    losses[17, 1], losses[LONG - 5, 2] = math.nan, math.inf
    return losses, torch.isfinite(losses)


def filled(losses: Tensor, finite: Tensor, copies: Sequence[int] = ()) -> Window:
    """A window that saw all steps; it was copied, and the copy taken instead, after some."""
    window = Window()
    for i, (loss, fine) in enumerate(zip(losses, finite, strict=True)):
        window.add(Seen(loss, {}, loss + 1, fine))
        if i in copies:
            folded = window.folded
            window = Window(window.tables(), folded) if i % 2 else window.copy()
    return window


def test_a_long_window_keeps_sums() -> None:
    losses, finite = noisy()
    window = filled(losses, finite)
    assert len(window) == LONG
    assert 4096 <= len(window.tables()[0]) < 8192
    assert torch.equal(window.tables()[1][-1], losses[-1] + 1), "the last norms are as they are"
    kept = [losses[finite[:, m], m].double().numpy() for m in range(3)]
    assert np.allclose(window.mean_losses(), [each.mean() for each in kept], rtol=1e-14, atol=0)
    assert window.first_broken() == [-1, 17, LONG - 5]


def test_a_long_window_is_the_same_however_often_it_was_copied() -> None:
    losses, finite = noisy()
    plain, copied = filled(losses, finite), filled(losses, finite, (3, 4099, 8191, 9000, 16_383))
    alone = filled(losses[:, 1:2], finite[:, 1:2], (8190,))
    assert plain.folded is not None
    assert copied.folded is not None
    assert torch.equal(plain.folded, copied.folded)
    assert plain.mean_losses() == copied.mean_losses()
    assert plain.mean_losses()[1:2] == alone.mean_losses(), "alone as in company"


def test_a_member_that_breaks_in_the_part_that_was_summed_up() -> None:
    losses, finite = noisy()
    monitor = Monitor(StopRule(), True, 3)
    scores = Scores(np.array([0.5] * 3), np.array([1.0] * 3))
    alive = torch.tensor([True, False, False])
    monitor.look(LONG + 100, scores, filled(losses, finite), torch.zeros(3, 1), {}, alive)
    assert [fate.ended for fate in monitor.fates] == [None, 118, LONG + 96]


def test_a_memory_is_a_copy_and_all_there_is() -> None:
    play, other = Play(2, patience=2), Play(2, patience=2)
    play.look([0.5, 0.4])
    play.monitor.restart()
    memory = play.monitor.memory()
    expected = repr(memory)
    play.look([0.6, 0.6])
    assert repr(memory) == expected
    other.monitor.remember(memory)
    other.step = 10
    other.look([0.6, 0.6])
    assert repr(other.monitor.memory()) == repr(play.monitor.memory())
    other.look([0.9, 0.9])
    assert repr(memory) == expected
