//! The processes of a job, and bytes between them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use mpi::environment::Universe;
use mpi::point_to_point::{send_receive, send_receive_into};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Root, Source};
use mpi::{Threading, environment};

/// Bytes in one message at most: MPI counts them in 31 bits.
const MOST: usize = 1 << 30;

/// The processes that were started together, seen from one of them. MPI ends when it is dropped; on a panic the whole job does.
pub struct Job {
    rank: usize,
    size: usize,
    sent: AtomicU64,
    worked: AtomicU64,
    _universe: Universe,
}

/// What a process has done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Bytes that it has sent; of a broadcast, its length once at its root.
    pub sent: u64,
    /// Processor seconds over questions, waiting for others not counted.
    pub working: f64,
}

/// What a process says that keeps all of them from going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The rank of the process.
    pub rank: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the process of rank {} {}", self.rank, self.reason)
    }
}

impl std::error::Error for Disagreement {}

impl Job {
    /// Joins the other processes.
    ///
    /// # Errors
    /// A second call; an MPI library that serves no process with threads.
    pub fn begin() -> Result<Self, String> {
        let begun = mpi::initialize_with_threading(Threading::Serialized);
        let (universe, threading) = begun.ok_or("MPI has begun already")?;
        if threading < Threading::Serialized {
            return Err(format!(
                "this MPI library allows threads only as {threading:?}; expected at least Serialized"
            ));
        }
        let world = SimpleCommunicator::world();
        Ok(Self {
            rank: world.rank() as usize,
            size: world.size() as usize,
            sent: AtomicU64::new(0),
            worked: AtomicU64::new(0),
            _universe: universe,
        })
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of processes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether this process leads.
    pub fn leads(&self) -> bool {
        self.rank == 0
    }

    /// The machine that this process runs on.
    pub fn host(&self) -> String {
        environment::processor_name().unwrap_or_else(|_| "a machine without a name".to_owned())
    }

    /// What each process has done, by rank, at rank 0; nothing elsewhere. All must ask for it.
    pub fn figures(&self) -> Vec<Figures> {
        let own = [&self.sent, &self.worked].map(|figure| figure.load(Ordering::Relaxed));
        if !self.leads() {
            self.send(0, &own.map(u64::to_le_bytes).concat());
            return Vec::new();
        }
        let theirs = (1..self.size).map(|rank| {
            let bytes = self.receive(rank);
            let figure = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes);
            [0, 8].map(|at| figure(at).unwrap_or_default())
        });
        let all = [own].into_iter().chain(theirs);
        let figures = all.map(|[sent, worked]| Figures {
            sent,
            working: worked as f64 / 1e9,
        });
        figures.collect()
    }

    /// Counts the processor time of some work on a question.
    pub(crate) fn at_work<R>(&self, work: impl FnOnce() -> R) -> R {
        let clock = cpu_time::ProcessTime::now();
        let done = work();
        let nanoseconds = clock.elapsed().as_nanos() as u64;
        self.worked.fetch_add(nanoseconds, Ordering::Relaxed);
        done
    }

    /// Whether every process is ready with the same facts, each a name and a value.
    ///
    /// # Errors
    /// The process of the lowest rank that failed, or knows another fact than rank 0; the same in every process.
    pub fn agree(&self, mine: Result<&[(String, String)], &str>) -> Result<(), Disagreement> {
        let said = match mine {
            Ok(facts) => facts
                .iter()
                .fold("ready".to_owned(), |said, (name, value)| {
                    said + "\n" + name + "\t" + value
                }),
            Err(reason) => format!("failed\n{reason}"),
        };
        if !self.leads() {
            self.send(0, format!("{}\n{said}", self.host()).as_bytes());
            return self.verdict(&mut Vec::new());
        }
        let mut verdict = differs(&said, &said, &self.host()).map(|reason| (0, reason));
        for rank in 1..self.size {
            let theirs = String::from_utf8_lossy(&self.receive(rank)).into_owned();
            let (host, theirs) = theirs.split_once('\n').unwrap_or(("", &theirs));
            if verdict.is_none() {
                verdict = differs(&said, theirs, host).map(|reason| (rank, reason));
            }
        }
        let verdict = verdict.map(|(rank, reason)| format!("{rank}\n{reason}"));
        self.verdict(&mut verdict.unwrap_or_default().into_bytes())
    }

    /// What rank 0 says, in every process.
    pub fn announce(&self, said: &str) -> String {
        let mut said = said.as_bytes().to_vec();
        self.broadcast(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }

    fn verdict(&self, verdict: &mut Vec<u8>) -> Result<(), Disagreement> {
        self.broadcast(verdict);
        let verdict = String::from_utf8_lossy(verdict);
        match verdict.split_once('\n') {
            None => Ok(()),
            Some((rank, reason)) => Err(Disagreement {
                rank: rank.parse().unwrap_or_default(),
                reason: reason.to_owned(),
            }),
        }
    }

    pub(crate) fn send(&self, to: usize, bytes: &[u8]) {
        let world = SimpleCommunicator::world();
        let to = world.process_at_rank(to as i32);
        to.send(&(bytes.len() as u64));
        for part in bytes.chunks(MOST) {
            to.send(part);
        }
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }

    pub(crate) fn receive(&self, from: usize) -> Vec<u8> {
        let world = SimpleCommunicator::world();
        let from = world.process_at_rank(from as i32);
        let mut bytes = vec![0; from.receive::<u64>().0 as usize];
        for part in bytes.chunks_mut(MOST) {
            from.receive_into(part);
        }
        bytes
    }

    /// Sends to one process what comes from another, which may be the same, to this one.
    pub(crate) fn exchange(&self, to: usize, bytes: &[u8], from: usize) -> Vec<u8> {
        let world = SimpleCommunicator::world();
        let [to, from] = [to, from].map(|rank| world.process_at_rank(rank as i32));
        let length = bytes.len() as u64;
        let (coming, _): (u64, _) = send_receive(&length, &to, &from);
        let mut received = vec![0; coming as usize];
        let (mut parts, mut places) = (bytes.chunks(MOST), received.chunks_mut(MOST));
        loop {
            match (parts.next(), places.next()) {
                (Some(part), Some(place)) => {
                    send_receive_into(part, &to, place, &from);
                }
                (Some(part), None) => to.send(part),
                (None, Some(place)) => {
                    from.receive_into(place);
                }
                (None, None) => break,
            }
        }
        self.sent.fetch_add(length, Ordering::Relaxed);
        received
    }

    /// Gives what rank 0 has to all others.
    pub(crate) fn broadcast(&self, bytes: &mut Vec<u8>) {
        let world = SimpleCommunicator::world();
        let lead = world.process_at_rank(0);
        let mut length = bytes.len() as u64;
        lead.broadcast_into(&mut length);
        bytes.resize(length as usize, 0);
        for part in bytes.chunks_mut(MOST) {
            lead.broadcast_into(part);
        }
        if self.leads() && self.size > 1 {
            self.sent.fetch_add(length, Ordering::Relaxed);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // The others wait for this process, which has nothing more to say.
        if std::thread::panicking() {
            SimpleCommunicator::world().abort(1);
        }
    }
}

/// What of a process keeps the job from going on: `wanted` is what the lead said.
fn differs(wanted: &str, said: &str, host: &str) -> Option<String> {
    if let Some(reason) = said.strip_prefix("failed\n") {
        return Some(format!("on {host} failed: {reason}"));
    }
    let fact = |line: &str| {
        let (name, value) = line.split_once('\t').unwrap_or((line, ""));
        format!("{name} {value}")
    };
    let (mut wanted, mut said) = (wanted.lines(), said.lines());
    loop {
        return match (wanted.next(), said.next()) {
            (Some(wanted), Some(said)) if wanted == said => continue,
            (None, None) => None,
            (wanted, said) => {
                let [theirs, ours] = [said, wanted].map(|line| line.map_or("nothing".into(), fact));
                Some(format!("on {host} has {theirs}; rank 0 has {ours}"))
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::differs;

    #[test]
    fn the_first_difference_is_named() {
        let ours = "ready\npartwise\t0.1.0\nshape\t10 x 4";
        assert_eq!(differs(ours, ours, "a"), None);
        let theirs = "ready\npartwise\t0.1.0\nshape\t10 x 5";
        let found = differs(ours, theirs, "a").unwrap();
        assert_eq!(found, "on a has shape 10 x 5; rank 0 has shape 10 x 4");
        let found = differs(ours, "failed\nv.npy: no such file", "b").unwrap();
        assert_eq!(found, "on b failed: v.npy: no such file");
        assert!(differs(ours, "ready", "c").unwrap().contains("has nothing"));
    }
}
