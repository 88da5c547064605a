"""What is shown of a fit, or of many, while they work."""

import sys
from typing import NamedTuple


class IterationInfo(NamedTuple):
    """What a callback is told after each iteration."""

    iteration: int
    """Iterations done."""
    max_iter: int
    """The limit on iterations."""
    objective: float
    """The divergence and the penalties: what is minimised."""
    residual: float
    """Distance from a stationary point: |projected gradient| over its data part, the larger of both factors'."""
    seconds: float
    """Seconds since the fit began."""


class SurveyInfo(NamedTuple):
    """What a callback is told after each fit of a survey of ranks or a consensus, and on the way of a tree."""

    rank: int
    """The number of components that is looked at; of a tree the number of leaves."""
    done: int
    """Fits done."""
    total: int
    """Fits in all."""
    seconds: float
    """Seconds since it began."""


class Watch:
    """Calls the callback, prints what `verbose` asks for, and moves the bar. A context for one fit.

    With ``solver="cd"``, ``"mu"`` and ``"minibatch"`` it prints scikit-learn's lines, which say what the rule to stop
    looks at: the violation, the divergence, the smoothed cost.
    """

    def __init__(self, *, callback=None, verbose=0, progress=False, solver="", tol=1e-4, keep=True):
        self._callback = callback
        self._verbose = verbose
        self._progress = progress
        self._solver = solver
        self._tol = tol
        self._keep = keep
        self._bar = None
        self._last = None
        self._measure = None
        self._first = None

    @property
    def function(self):
        """What the engine calls after each iteration; None if nobody looks."""
        wanted = self._callback is not None or self._verbose or self._progress
        return self._see if wanted else None

    @property
    def keeps_best(self):
        """Whether Ctrl-C ends the work and keeps what there is so far, rather than raise."""
        return self._keep and (self._callback is not None or bool(self._progress))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()

    def conclude(self, stop):
        """Prints what scikit-learn says once a fit has ended."""
        info = self._last
        if not self._verbose or info is None:
            return
        if self._solver == "cd":
            if stop == "converged" and self._first:
                print("Converged at iteration", info.iteration + 1)
        elif self._solver == "mu":
            if self._tol == 0 or info.iteration % 10:
                print(f"Epoch {info.iteration:02d} reached after {info.seconds:.3f} seconds.")
        elif self._solver == "minibatch" and stop == "converged":
            settled = self._tol > 0 and info.residual <= self._tol
            why = "small H change" if settled else "lack of improvement in objective function"
            print(f"Converged ({why}) at step {info.iteration}/{info.max_iter}")

    def _see(self, *fields):
        *fields, self._measure = fields
        info = self._last = IterationInfo(*fields)
        if self._first is None:
            self._first = self._measure
        if self._verbose:
            self._print(info)
        if self._progress:
            if self._bar is None:
                self._bar = _bar(info.max_iter, "iteration", "NMF")
            self._bar.show(info.iteration, f"objective {info.objective:.6g}", info.seconds)
        return bool(self._callback is not None and self._callback(info))

    def _print(self, info):
        if self._solver == "cd":
            if self._first:
                print("violation:", self._measure / self._first)
        elif self._solver == "mu":
            if self._tol > 0 and info.iteration % 10 == 0:
                error = (2 * self._measure) ** 0.5
                print(f"Epoch {info.iteration:02d} reached after {info.seconds:.3f} seconds, error: {error:f}")
        elif self._solver == "minibatch":
            smoothed = f", ewa cost: {self._measure}" if info.iteration > 1 else ""
            print(f"Minibatch step {info.iteration}/{info.max_iter}: mean batch cost: {info.objective}{smoothed}")
        else:
            print(f"iteration {info.iteration}: objective {info.objective:.6g}, residual {info.residual:.3g}")


class SurveyWatch(Watch):
    """The same for work of many fits: a survey of ranks, a consensus."""

    def __init__(self, *, name="ranks", **watch):
        super().__init__(**watch)
        self._name = name
        self._asked = False

    def ended(self, text):
        """What to raise where the work was ended with nothing to show: by the callback, else by Ctrl-C."""
        return RuntimeError(f"{text}, by its callback") if self._asked else KeyboardInterrupt(text)

    def _see(self, *fields):
        info = SurveyInfo(*fields)
        if self._progress:
            if self._bar is None:
                self._bar = _bar(info.total, "fit", self._name)
            self._bar.show(info.done, f"rank {info.rank}", info.seconds)
        # Fits beside each other may still tell of what was under way.
        self._asked |= bool(self._callback is not None and self._callback(info))
        return self._asked


def _bar(total, unit, name):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Line(total, unit, name)
    return _Tqdm(tqdm(total=total, unit="it" if unit == "iteration" else unit, desc=name))


class _Tqdm:
    """A bar of tqdm, in notebooks too."""

    def __init__(self, bar):
        self._bar = bar

    def show(self, done, text, seconds):
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self):
        self._bar.close()


class _Line:
    """A line on standard error, written over at most ten times a second."""

    INTERVAL = 0.1

    def __init__(self, total, unit, name):
        self._total = total
        self._unit = unit
        self._name = name
        self._shown = 0.0
        self._last = None

    def show(self, done, text, seconds):
        self._last = (done, text, seconds)
        if seconds - self._shown >= self.INTERVAL:
            self._shown = seconds
            self._write(*self._last)

    def close(self):
        if self._last is not None:
            self._write(*self._last)
        print(file=sys.stderr)

    def _write(self, done, text, seconds):
        text = f"{self._name}: {done}/{self._total} {self._unit}s, {text}, {seconds:.1f} s"
        print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)
