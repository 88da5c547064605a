//! The sum of the answers of all pieces, added where they are on their way.
//!
//! The terms of the tree are the pieces: two nodes in a row make one of the next level, and an odd one at the end is one
//! there. So which process adds depends on the number of processes, and what is added to what does not. A process
//! makes the nodes of which all pieces are its own; with as many pieces each, a power of two, that is one.
//!
//! - [`sum`]: every other node is made by the process of its first piece, and the last of them is at rank 0.
//! - [`sum_in_slices`]: all processes send each other what they have of a slice, and so each has the whole of its own, for as many
//!   numbers as an answer has.

use std::collections::BTreeMap;

use crate::lead::share;

/// An answer, or why there is none.
pub(crate) type Answer = Result<Vec<u8>, String>;

/// How nodes come from one process to another.
pub(crate) trait Wires {
    fn send(&self, to: usize, answer: &Answer);
    fn receive(&self, from: usize) -> Answer;
    /// Both at once.
    fn exchange(&self, to: usize, answer: &Answer, from: usize) -> Answer;
}

/// Processes, pieces, and this process.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) rank: usize,
    pub(crate) size: usize,
    pub(crate) pieces: usize,
}

impl Place {
    /// The process that makes a node: that of its first piece.
    fn maker(self, (level, index): Node) -> usize {
        // The share of rank r begins at ⌈pieces · r / size⌉.
        (index << level) * self.size / self.pieces
    }

    /// Nodes of a level.
    fn count(self, level: usize) -> usize {
        self.pieces.div_ceil(1 << level)
    }

    /// Levels below the whole sum.
    fn levels(self) -> usize {
        (0..).take_while(|&level| self.count(level) > 1).count()
    }
}

/// A level, 0 for the pieces, and the number of a node there.
type Node = (usize, usize);

/// Nodes that wait for those beside them.
pub(crate) struct Nodes<S, A> {
    place: Place,
    waiting: BTreeMap<Node, S>,
    add: A,
}

impl<S, A: Fn(S, S) -> S> Nodes<S, A> {
    pub(crate) fn new(place: Place, add: A) -> Self {
        Self {
            place,
            waiting: BTreeMap::new(),
            add,
        }
    }

    /// Takes a node in, and makes of it and of those that wait what can be made.
    pub(crate) fn put(&mut self, (mut level, mut index): Node, mut term: S) {
        while self.place.count(level) > 1 {
            let beside = index ^ 1;
            if beside < self.place.count(level) {
                let Some(other) = self.waiting.remove(&(level, beside)) else {
                    break;
                };
                term = match beside < index {
                    true => (self.add)(other, term),
                    false => (self.add)(term, other),
                };
            }
            (level, index) = (level + 1, index / 2);
        }
        self.waiting.insert((level, index), term);
    }

    /// The sum of all pieces, if it is here.
    fn whole(mut self) -> Option<S> {
        self.waiting.remove(&(self.place.levels(), 0))
    }
}

/// The sum of all pieces at rank 0, nothing elsewhere; `nodes` are those of this process's pieces.
pub(crate) fn sum<A>(mut nodes: Nodes<Answer, A>, wires: &impl Wires) -> Option<Answer>
where
    A: Fn(Answer, Answer) -> Answer,
{
    let place = nodes.place;
    for level in 0..place.levels() {
        // Of a level only the first of its nodes waits for one before it, and only the last for one behind it. What goes to lower ranks goes
        // first: no two processes wait for each other.
        let here = nodes.waiting.range((level, 0)..(level + 1, 0));
        let here: Vec<_> = here.map(|(&(_, index), _)| index).collect();
        for index in here {
            let beside = index ^ 1;
            let other = place.maker((level, beside));
            if beside < index {
                let node = nodes.waiting.remove(&(level, index));
                wires.send(other, &node.expect("it waits"));
            } else {
                nodes.put((level, beside), wires.receive(other));
            }
        }
    }
    nodes.whole()
}

/// The sum of what all pieces say of a slice, at the process with the number of the slice; nothing where there is none. `nodes` are
/// those of this process's pieces, each `cut` into so many `slices`.
pub(crate) fn sum_in_slices<A>(
    nodes: Nodes<Answer, A>,
    slices: usize,
    cut: impl Fn(&[u8]) -> Result<Vec<Vec<u8>>, String>,
    wires: &impl Wires,
) -> Option<Answer>
where
    A: Fn(Answer, Answer) -> Answer,
{
    let Nodes {
        place,
        waiting,
        add,
    } = nodes;
    let Place { rank, size, .. } = place;
    let cut_all = |answer: Answer| match answer.and_then(|answer| cut(&answer)) {
        Ok(parts) => parts.into_iter().map(Ok).collect(),
        Err(reason) => vec![Err(reason); slices],
    };
    let cut: Vec<(Node, Vec<Answer>)> = waiting
        .into_iter()
        .map(|(node, answer)| (node, cut_all(answer)))
        .collect();
    let mut own = Nodes::new(place, add);
    let answers = rank < slices;
    if answers {
        for (node, parts) in &cut {
            own.put(*node, parts[rank].clone());
        }
    }
    for step in 1..size {
        let (to, from) = ((rank + step) % size, (rank + size - step) % size);
        let mut out = cut.iter().filter(|_| to < slices);
        let coming = whole_nodes(Place {
            rank: from,
            ..place
        });
        let mut coming = coming.into_iter().filter(|_| answers);
        loop {
            match (out.next(), coming.next()) {
                (Some((_, parts)), Some(node)) => {
                    own.put(node, wires.exchange(to, &parts[to], from));
                }
                (Some((_, parts)), None) => wires.send(to, &parts[to]),
                (None, Some(node)) => own.put(node, wires.receive(from)),
                (None, None) => break,
            }
        }
    }
    own.whole()
}

/// The nodes that a process makes of its own pieces alone, in order.
fn whole_nodes(place: Place) -> Vec<Node> {
    let mut nodes = Nodes::new(place, |(), ()| ());
    let own = share(place.rank, place.size, place.pieces);
    own.for_each(|piece| nodes.put((0, piece), ()));
    nodes.waiting.into_keys().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::thread;

    use super::*;

    /// Channels from every process to this one, and from this one to every other. A sender waits until it is heard.
    struct Channels {
        to: Vec<SyncSender<Answer>>,
        from: HashMap<usize, Receiver<Answer>>,
    }

    impl Wires for Channels {
        fn send(&self, to: usize, answer: &Answer) {
            self.to[to].send(answer.clone()).unwrap();
        }
        fn receive(&self, from: usize) -> Answer {
            self.from[&from].recv().unwrap()
        }
        fn exchange(&self, to: usize, answer: &Answer, from: usize) -> Answer {
            thread::scope(|scope| {
                let to = &self.to[to];
                scope.spawn(|| to.send(answer.clone()).unwrap());
                self.receive(from)
            })
        }
    }

    fn add(a: Answer, b: Answer) -> Answer {
        let (a, b) = (a?, b?);
        Ok([b"(", &a[..], &b[..], b")"].concat())
    }

    type Terms = Nodes<Answer, fn(Answer, Answer) -> Answer>;

    /// What each process finds of the terms of all pieces: one of them may be none.
    fn found<R: Send + 'static>(
        (size, pieces): (usize, usize),
        bad: Option<usize>,
        find: fn(Terms, &Channels) -> R,
    ) -> Vec<R> {
        let mut to: Vec<Vec<_>> = (0..size).map(|_| Vec::new()).collect();
        let mut from: Vec<HashMap<_, _>> = (0..size).map(|_| HashMap::new()).collect();
        for (source, to) in to.iter_mut().enumerate() {
            for from in &mut from {
                let (sender, receiver) = sync_channel(0);
                to.push(sender);
                from.insert(source, receiver);
            }
        }
        let processes = to.into_iter().zip(from).enumerate();
        let processes = processes.map(|(rank, (to, from))| {
            thread::spawn(move || {
                let place = Place { rank, size, pieces };
                let mut nodes: Terms = Nodes::new(place, add);
                for piece in share(rank, size, pieces) {
                    let answer = match bad {
                        Some(bad) if bad == piece => Err(format!("piece {piece} is bad")),
                        _ => Ok(format!("{piece},").into_bytes()),
                    };
                    nodes.put((0, piece), answer);
                }
                find(nodes, &Channels { to, from })
            })
        });
        let processes: Vec<_> = processes.collect();
        let join = |process: thread::JoinHandle<_>| process.join().unwrap();
        processes.into_iter().map(join).collect()
    }

    fn sums(size: usize, pieces: usize, bad: Option<usize>) -> Vec<Option<Answer>> {
        found((size, pieces), bad, sum)
    }

    /// One slice fewer than processes, of answers that say which slice they are about.
    fn in_slices(size: usize, pieces: usize, bad: Option<usize>) -> Vec<Option<Answer>> {
        found((size, pieces), bad, |nodes, wires| {
            let slices = nodes.place.size - 1;
            let slice =
                |answer: &[u8], index: usize| [answer, format!("{index};").as_bytes()].concat();
            let cut = |answer: &[u8]| Ok((0..slices).map(|index| slice(answer, index)).collect());
            sum_in_slices(nodes, slices, cut, wires)
        })
    }

    const PIECES: [usize; 11] = [1, 2, 7, 8, 9, 16, 63, 64, 65, 100, 130];

    #[test]
    fn the_order_of_sums_does_not_depend_on_the_processes() {
        for pieces in PIECES {
            let alone = sums(1, pieces, None).remove(0).unwrap().unwrap();
            for size in [2, 3, 4, 5, 8, 16, 67] {
                let mut found = sums(size, pieces, None).into_iter();
                let lead = found.next().unwrap().unwrap().unwrap();
                assert_eq!(lead, alone, "{pieces} pieces, {size} processes");
                assert!(found.all(|sum| sum.is_none()));
            }
        }
        let few = sums(3, 7, None).remove(0).unwrap().unwrap();
        assert_eq!(few, b"(((0,1,)(2,3,))((4,5,)6,))");
    }

    #[test]
    fn slices_are_added_in_the_order_of_the_whole() {
        /// Without what the cut put there.
        fn bare(sum: &[u8], slice: usize) -> String {
            let sum = String::from_utf8(sum.to_vec()).unwrap();
            assert!(sum.contains(&format!("{slice};")));
            sum.replace(&format!("{slice};"), "")
        }
        for pieces in PIECES {
            let alone = sums(1, pieces, None).remove(0).unwrap().unwrap();
            let alone = String::from_utf8(alone).unwrap();
            for size in [2, 3, 4, 5, 8, 16] {
                let mut found = in_slices(size, pieces, None);
                assert_eq!(found.pop(), Some(None), "the last has no slice");
                for (slice, sum) in found.into_iter().enumerate() {
                    // A node is cut after it was made of pieces of one process: brackets are what counts.
                    let sum = bare(&sum.unwrap().unwrap(), slice);
                    assert_eq!(sum, alone, "{pieces} pieces, {size} processes");
                }
            }
        }
    }

    #[test]
    fn one_bad_answer_spoils_the_sum() {
        for bad in [0, 5, 19] {
            let lead = sums(4, 20, Some(bad)).remove(0).unwrap();
            assert_eq!(lead, Err(format!("piece {bad} is bad")));
            for sum in in_slices(4, 20, Some(bad)).into_iter().take(3) {
                assert_eq!(sum, Some(Err(format!("piece {bad} is bad"))));
            }
        }
    }

    #[test]
    fn equal_shares_send_one_node_each() {
        for size in [1, 2, 4, 8, 64] {
            for rank in 0..size {
                let place = Place {
                    rank,
                    size,
                    pieces: 64,
                };
                assert_eq!(whole_nodes(place).len(), 1);
            }
        }
    }
}
