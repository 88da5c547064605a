//! The sum of the answers of all pieces, added where they are on their way to rank 0.
//!
//! The terms of the tree are the pieces: [`FAN_IN`] nodes in a row make one of the next level, added from the first to the last.
//! A node is made by the process that holds its first piece, and the others send it what they have. So which process adds
//! depends on the number of processes, and what is added to what does not.

use partwise::remote::FAN_IN;

use crate::lead::share;

/// An answer, or why there is none.
pub(crate) type Answer = Result<Vec<u8>, String>;

/// How nodes come from one process to another.
pub(crate) trait Wires {
    fn send(&self, to: usize, answer: &Answer);
    fn receive(&self, from: usize) -> Answer;
}

/// Processes, pieces, and this process.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) rank: usize,
    pub(crate) size: usize,
    pub(crate) pieces: usize,
}

impl Place {
    /// The process that holds a piece.
    fn holder(self, piece: usize) -> usize {
        // The share of rank r begins at ⌈pieces · r / size⌉.
        piece * self.size / self.pieces
    }
}

/// Adds the answers of this process's pieces and of all others: the sum at rank 0, nothing elsewhere.
pub(crate) fn sum(
    place: Place,
    answers: Vec<Answer>,
    add: impl Fn(&[&[u8]]) -> Answer,
    wires: &impl Wires,
) -> Option<Answer> {
    let Place { rank, pieces, .. } = place;
    let first = share(rank, place.size, pieces).start;
    // The nodes of a level that this process has: the number of the first, and the nodes.
    let (mut index, mut nodes) = (first, answers);
    let (mut count, mut span) = (pieces, 1);
    while count > 1 {
        let maker = |node: usize| place.holder(node * span);
        let next_maker = |node: usize| place.holder(node * span * FAN_IN);
        // To lower ranks first, which wait for it: no two processes wait for each other.
        let mut own = nodes.into_iter();
        while own.len() > 0 && next_maker(index / FAN_IN) != rank {
            let node = own.next().expect("there is one");
            wires.send(next_maker(index / FAN_IN), &node);
            index += 1;
        }
        let parents = index.div_ceil(FAN_IN);
        nodes = Vec::new();
        while own.len() > 0 {
            let parent = parents + nodes.len();
            let children = parent * FAN_IN..((parent + 1) * FAN_IN).min(count);
            let children: Vec<_> = children
                .map(|child| match maker(child) {
                    from if from != rank => wires.receive(from),
                    _ => own.next().expect("this process made it"),
                })
                .collect();
            nodes.push(merged(children, &add));
        }
        index = parents;
        count = count.div_ceil(FAN_IN);
        span *= FAN_IN;
    }
    nodes.pop()
}

fn merged(children: Vec<Answer>, add: impl Fn(&[&[u8]]) -> Answer) -> Answer {
    let mut children = children.into_iter().collect::<Result<Vec<_>, _>>()?;
    if children.len() == 1 {
        return Ok(children.remove(0));
    }
    let children: Vec<_> = children.iter().map(Vec::as_slice).collect();
    add(&children)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use super::*;

    /// Channels from every process to this one, and from this one to every other.
    struct Channels {
        to: Vec<Sender<Answer>>,
        from: HashMap<usize, Receiver<Answer>>,
    }

    impl Wires for Channels {
        fn send(&self, to: usize, answer: &Answer) {
            self.to[to].send(answer.clone()).unwrap();
        }
        fn receive(&self, from: usize) -> Answer {
            self.from[&from].recv().unwrap()
        }
    }

    /// The sum in brackets, as each process finds it.
    fn sums(size: usize, pieces: usize, bad: Option<usize>) -> Vec<Option<Answer>> {
        let mut to: Vec<Vec<_>> = (0..size).map(|_| Vec::new()).collect();
        let mut from: Vec<HashMap<_, _>> = (0..size).map(|_| HashMap::new()).collect();
        for (source, to) in to.iter_mut().enumerate() {
            for from in &mut from {
                let (sender, receiver) = channel();
                to.push(sender);
                from.insert(source, receiver);
            }
        }
        let processes = to.into_iter().zip(from).enumerate();
        let processes = processes.map(|(rank, (to, from))| {
            thread::spawn(move || {
                let answers = share(rank, size, pieces).map(|piece| match bad {
                    Some(bad) if bad == piece => Err(format!("piece {piece} is bad")),
                    _ => Ok(format!("{piece},").into_bytes()),
                });
                let add = |parts: &[&[u8]]| Ok([b"(", &parts.concat()[..], b")"].concat());
                let place = Place { rank, size, pieces };
                sum(place, answers.collect(), add, &Channels { to, from })
            })
        });
        let processes: Vec<_> = processes.collect();
        let join = |process: thread::JoinHandle<_>| process.join().unwrap();
        processes.into_iter().map(join).collect()
    }

    #[test]
    fn the_order_of_sums_does_not_depend_on_the_processes() {
        for pieces in [1, 2, 7, 8, 9, 16, 63, 64, 65, 100, 130] {
            let alone = sums(1, pieces, None).remove(0).unwrap().unwrap();
            for size in [2, 3, 4, 5, 8, 16, 67] {
                let mut found = sums(size, pieces, None).into_iter();
                let lead = found.next().unwrap().unwrap().unwrap();
                assert_eq!(lead, alone, "{pieces} pieces, {size} processes");
                assert!(found.all(|sum| sum.is_none()));
            }
        }
        let few = sums(3, 10, None).remove(0).unwrap().unwrap();
        assert_eq!(few, b"((0,1,2,3,4,5,6,7,)(8,9,))");
    }

    #[test]
    fn one_bad_answer_spoils_the_sum() {
        for bad in [0, 5, 19] {
            let lead = sums(4, 20, Some(bad)).remove(0).unwrap();
            assert_eq!(lead, Err(format!("piece {bad} is bad")));
        }
    }
}
