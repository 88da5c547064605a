//! What is under way, on stderr, for anything that takes over a second: a live line on a terminal, else a line now
//! and then.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use partwise::SurveyProgress;

use crate::{interrupt, terminal};

/// Nothing is shown of what takes less.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two looks of a terminal's line.
const FRAME: Duration = Duration::from_millis(100);
/// Time between two lines where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// Shows what is under way until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    shared: Arc<Shared>,
    display: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    doing: String,
    /// When that began.
    since: Instant,
    iteration: Option<partwise::Progress>,
    /// Iterations and seconds before the present stretch of iterations of one price.
    before: (usize, f64),
    ended: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            doing: String::new(),
            since: Instant::now(),
            iteration: None,
            before: (0, 0.0),
            ended: false,
        }
    }
}

impl Shared {
    /// A thread that panicked leaves a state that is still good to show.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Begins to show what is `doing`, unless `quiet`.
    pub(crate) fn begin(doing: impl Into<String>, quiet: bool) -> Self {
        let shared = Arc::new(Shared::default());
        shared.state().doing = doing.into();
        // Where the system gives no thread, the work goes on unseen.
        let display = (!quiet).then(|| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().spawn(move || show(&shared)).ok()
        });
        let display = display.flatten();
        Self { shared, display }
    }

    /// Something else begins.
    pub(crate) fn doing(&self, doing: impl Into<String>) {
        let mut state = self.shared.state();
        state.doing = doing.into();
        state.since = Instant::now();
        state.iteration = None;
    }

    /// An observer of many fits that shows in `words` how far they are, and ends them when the user asks.
    pub(crate) fn of_fits(
        &self,
        words: impl Fn(&SurveyProgress) -> String + Send,
    ) -> impl FnMut(&SurveyProgress) -> ControlFlow<()> + Send {
        interrupt::keep_results();
        let mut shown = None;
        move |state| {
            if shown != Some((state.rank, state.done)) {
                shown = Some((state.rank, state.done));
                self.doing(words(state));
            }
            interrupt::asked()
        }
    }

    /// An iteration of a fit ended.
    pub(crate) fn iteration(&self, progress: &partwise::Progress) {
        let mut state = self.shared.state();
        let stretch = |seen: &partwise::Progress| (seen.sketched, seen.start);
        match state.iteration {
            Some(last) if stretch(&last) == stretch(progress) => (),
            Some(last) => state.before = (last.iteration, last.seconds),
            // Not what led here: the way to a start near the data, or the iterations before a checkpoint.
            None => {
                let seconds = progress.seconds - state.since.elapsed().as_secs_f64();
                state.before = (progress.iteration.saturating_sub(1), seconds);
            }
        }
        state.iteration = Some(*progress);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.ended.notify_all();
        if let Some(display) = self.display.take() {
            // A display that panicked has said so on stderr.
            let _ = display.join();
        }
    }
}

/// Waits; whether the end came.
fn ended_within(shared: &Shared, time: Duration) -> bool {
    let state = shared.state();
    let waited = shared
        .ended
        .wait_timeout_while(state, time, |state| !state.ended);
    let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
    state.ended
}

fn show(shared: &Shared) {
    if std::io::stderr().is_terminal() {
        show_line(shared);
    } else {
        let mut said = String::new();
        while !ended_within(shared, LINE) {
            let words = words(&shared.state());
            if words != said {
                terminal::note(&words);
                said = words;
            }
        }
    }
}

/// The line of a terminal, redrawn.
fn show_line(shared: &Shared) {
    if ended_within(shared, PATIENCE) {
        return;
    }
    let begun = Instant::now() - PATIENCE;
    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        line.set_style(style);
    }
    loop {
        let words = words(&shared.state());
        line.set_message(format!("{words} · {:.0} s", begun.elapsed().as_secs_f64()));
        line.tick();
        if ended_within(shared, FRAME) {
            line.finish_and_clear();
            return;
        }
    }
}

/// What is under way, in one line.
fn words(state: &State) -> String {
    if interrupt::requested() {
        return "stopping after this iteration; Ctrl-C again ends at once".to_owned();
    }
    let Some(progress) = state.iteration else {
        return state.doing.clone();
    };
    let (done, most) = (progress.iteration, progress.max_iter);
    let start = match progress.n_init {
        1 => String::new(),
        count => format!("start {} of {count} · ", progress.start),
    };
    if progress.sketched {
        // What an iteration on V will cost is not known yet.
        return format!(
            "{start}iteration {done} of at most {most}, on a sketch · objective about {:.3e}",
            progress.objective
        );
    }
    let mut words = format!(
        "{start}iteration {done} of at most {most} · objective {:.5e}",
        progress.objective
    );
    let (iterations, seconds) = state.before;
    if done > iterations {
        let price = (progress.seconds - seconds) / (done - iterations) as f64;
        let left = price * most.saturating_sub(done) as f64;
        words.push_str(&format!(" · at most {} left", duration(left)));
    }
    words
}

/// A stretch of time, roughly.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        ..99.5 => format!("{seconds:.0} s"),
        ..5970.0 => format!("{:.0} min", seconds / 60.0),
        ..356_400.0 => format!("{:.0} h", seconds / 3600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iteration(iteration: usize, seconds: f64, sketched: bool) -> partwise::Progress {
        partwise::Progress {
            start: 1,
            n_init: 1,
            iteration,
            max_iter: 200,
            objective: 1234.5678,
            residual: 0.1,
            measure: 1234.5678,
            seconds,
            sketched,
        }
    }

    #[test]
    fn the_time_left_is_that_of_the_iterations_left() {
        let progress = Progress::begin("fitting", true);
        progress.iteration(&iteration(30, 1.0, true));
        assert_eq!(
            words(&progress.shared.state()),
            "iteration 30 of at most 200, on a sketch · objective about 1.235e3"
        );
        progress.iteration(&iteration(50, 5.0, false));
        let state = progress.shared.state();
        assert_eq!(
            words(&state),
            "iteration 50 of at most 200 · objective 1.23457e3 · at most 30 s left"
        );
    }

    #[test]
    fn the_time_left_is_not_that_of_what_led_here() {
        let progress = Progress::begin("fitting", true);
        progress.doing("going on");
        progress.iteration(&iteration(101, 36_000.0, false));
        progress.iteration(&iteration(102, 36_002.0, false));
        let state = progress.shared.state();
        let words = words(&state);
        let seconds = words.rsplit_once("at most ").unwrap().1;
        assert!(
            matches!(seconds, "98 s left" | "99 s left" | "2 min left"),
            "{words}"
        );
    }

    #[test]
    fn long_times_are_rough() {
        assert_eq!(duration(600.0), "10 min");
        assert_eq!(duration(36_000.0), "10 h");
        assert_eq!(duration(864_000.0), "10 days");
    }

    #[test]
    fn a_short_task_ends_without_waiting() {
        let begun = Instant::now();
        drop(Progress::begin("nothing", false));
        assert!(begun.elapsed() < PATIENCE);
    }
}
