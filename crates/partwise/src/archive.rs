//! The state of a fit on its way, in bytes, from which a later one goes on to the same bits.
//!
//! What is kept of each structure is said once, for both directions: a function walks over its fields, and an [`Archive`]
//! writes them or fills them. Numbers are little-endian, whatever the machine.

use std::io::{self, Read, Write};

use crate::matrix::Dense;
use crate::{Error, Float};

/// The version of what follows: another one has other fields.
const VERSION: u64 = 6;
/// Begins every state.
const NAME: &str = "partwise state";
/// Bytes of a text at most.
const LONGEST_TEXT: u64 = 1 << 16;
/// A count at most: far more than any fit arrives at, and far enough from the end of the numbers that sums of counts stay below it.
pub(crate) const LARGEST_COUNT: u64 = 1 << 48;
/// Numbers on their way at a time.
const NUMBERS: usize = 1024;

/// Bytes under way, out of the fields or into them. After a failure nothing more is done, until [`Self::finish`] tells.
pub(crate) struct Archive<'a> {
    way: Way<'a>,
    failure: Option<io::Error>,
}

enum Way<'a> {
    Out(&'a mut dyn Write),
    In(&'a mut dyn Read),
}

impl<'a> Archive<'a> {
    pub(crate) fn writing(out: &'a mut dyn Write) -> Self {
        Self {
            way: Way::Out(out),
            failure: None,
        }
    }

    pub(crate) fn reading(input: &'a mut dyn Read) -> Self {
        Self {
            way: Way::In(input),
            failure: None,
        }
    }

    /// Whether fields are filled, and not written.
    pub(crate) fn fills(&self) -> bool {
        matches!(self.way, Way::In(_))
    }

    /// What went wrong, if anything did.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.failure.map_or(Ok(()), Err)
    }

    /// Refuses to go on with what has been read unless it `holds`.
    pub(crate) fn require(&mut self, holds: bool) {
        if !holds && self.failure.is_none() {
            let reason = "its parts do not fit together";
            self.failure = Some(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
    }

    fn bytes(&mut self, bytes: &mut [u8]) {
        if self.failure.is_some() {
            return;
        }
        let done = match &mut self.way {
            Way::Out(out) => out.write_all(bytes),
            Way::In(input) => input.read_exact(bytes),
        };
        self.failure = done.err();
    }

    fn number(&mut self, number: &mut u64) {
        let mut bytes = number.to_le_bytes();
        self.bytes(&mut bytes);
        *number = u64::from_le_bytes(bytes);
    }

    pub(crate) fn count(&mut self, count: &mut usize) {
        let mut number = *count as u64;
        self.number(&mut number);
        if let Way::In(_) = self.way {
            let counted = usize::try_from(number).ok();
            let counted = counted.filter(|_| number <= LARGEST_COUNT);
            self.require(counted.is_some());
            *count = counted.unwrap_or(0);
        }
    }

    pub(crate) fn float(&mut self, float: &mut f64) {
        let mut bits = float.to_bits();
        self.number(&mut bits);
        *float = f64::from_bits(bits);
    }

    pub(crate) fn flag(&mut self, flag: &mut bool) {
        let mut byte = [u8::from(*flag)];
        self.bytes(&mut byte);
        *flag = byte[0] != 0;
    }

    pub(crate) fn text(&mut self, text: &mut String) {
        let mut length = text.len() as u64;
        self.number(&mut length);
        if length > LONGEST_TEXT && self.failure.is_none() {
            self.failure = Some(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a text of {length} bytes"),
            ));
        }
        if self.failure.is_some() {
            return;
        }
        let mut bytes = std::mem::take(text).into_bytes();
        bytes.resize(length as usize, 0);
        self.bytes(&mut bytes);
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// Numbers, as many as there are.
    pub(crate) fn values<T: Float>(&mut self, values: &mut [T]) {
        let size = size_of::<T>();
        let mut bytes = vec![0; NUMBERS * size];
        for values in values.chunks_mut(NUMBERS) {
            let bytes = &mut bytes[..size_of_val(&*values)];
            for (bytes, value) in bytes.chunks_exact_mut(size).zip(&*values) {
                put(bytes, value.to_f64());
            }
            self.bytes(bytes);
            for (bytes, value) in bytes.chunks_exact(size).zip(values) {
                *value = T::from_f64(taken(bytes));
            }
        }
    }

    /// A factor whose shape is known.
    pub(crate) fn dense<T: Float>(&mut self, dense: &mut Dense<T>) {
        self.values(dense.as_mut_slice());
        if self.fills() {
            self.require(dense.as_slice().iter().all(|x| x.to_f64().is_finite()));
        }
    }

    /// Numbers, and how many.
    pub(crate) fn floats<T: Float>(&mut self, floats: &mut Vec<T>) {
        let mut left = floats.len();
        self.count(&mut left);
        if let Way::Out(_) = self.way {
            return self.values(floats);
        }
        floats.clear();
        // Room is made as the numbers come: a wrong length meets the end of the state first.
        while left > 0 && self.failure.is_none() {
            let (from, more) = (floats.len(), left.min(NUMBERS));
            floats.resize(from + more, T::ZERO);
            self.values(&mut floats[from..]);
            left -= more;
        }
    }

    /// Some things of a kind, made `empty` where they are to be filled.
    pub(crate) fn list<X>(
        &mut self,
        list: &mut Vec<X>,
        empty: impl Fn() -> X,
        each: impl Fn(&mut Self, &mut X),
    ) {
        let mut count = list.len();
        self.count(&mut count);
        if let Way::In(_) = self.way {
            list.clear();
        }
        for index in 0..count {
            if self.failure.is_some() {
                return;
            }
            if index == list.len() {
                list.push(empty());
            }
            each(self, &mut list[index]);
        }
    }

    /// Something that may be absent, made `empty` where it is to be filled.
    pub(crate) fn option<X>(
        &mut self,
        option: &mut Option<X>,
        empty: impl FnOnce() -> X,
        each: impl FnOnce(&mut Self, &mut X),
    ) {
        let mut present = option.is_some();
        self.flag(&mut present);
        if let Way::In(_) = self.way {
            *option = (present && self.failure.is_none()).then(empty);
        }
        if let Some(inner) = option {
            each(self, inner);
        }
    }
}

fn put(bytes: &mut [u8], value: f64) {
    if bytes.len() == size_of::<f32>() {
        bytes.copy_from_slice(&(value as f32).to_le_bytes());
    } else {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
}

fn taken(bytes: &[u8]) -> f64 {
    let (mut single, mut double) = ([0; 4], [0; 8]);
    if bytes.len() == single.len() {
        single.copy_from_slice(bytes);
        f64::from(f32::from_le_bytes(single))
    } else {
        double.copy_from_slice(bytes);
        f64::from_le_bytes(double)
    }
}

/// What a state belongs to: the parameters and V, each with its name.
pub(crate) type Identity = Vec<(String, String)>;

/// An identity without texts that no message could show: a long one by its beginning, its length and its fingerprint.
fn brief(identity: &Identity) -> Identity {
    const LONGEST: usize = 4096;
    let short = |text: &String| match text.len() {
        ..=LONGEST => text.clone(),
        length => {
            let print = fnv(text.bytes());
            format!("{}… ({length} bytes, {print:016x})", shown(text))
        }
    };
    let pairs = identity.iter();
    pairs
        .map(|(name, value)| (name.clone(), short(value)))
        .collect()
}

/// Writes what a state belongs to.
pub(crate) fn sign(archive: &mut Archive<'_>, identity: Identity) {
    let (mut name, mut version) = (NAME.to_owned(), VERSION);
    let mut identity = brief(&identity);
    archive.text(&mut name);
    archive.number(&mut version);
    archive.list(&mut identity, Default::default, |archive, (name, value)| {
        archive.text(name);
        archive.text(value);
    });
}

/// Reads what a state belongs to.
///
/// # Errors
/// [`Error::State`] if it is no state, one of another version, or belongs to another fit.
pub(crate) fn check(input: &mut dyn Read, identity: &Identity) -> Result<(), Error> {
    let identity = &brief(identity);
    let refuse = |reason: String| Err(Error::State { reason });
    let mut archive = Archive::reading(input);
    let (mut name, mut version, mut found) = (String::new(), 0, Identity::new());
    archive.text(&mut name);
    if name != NAME {
        return refuse("it is not the state of a fit".to_owned());
    }
    archive.number(&mut version);
    if version != VERSION {
        let newer = if version > VERSION { "newer" } else { "older" };
        return refuse(format!(
            "it has the {newer} version {version}; this one reads version {VERSION}"
        ));
    }
    archive.list(&mut found, Default::default, |archive, (name, value)| {
        archive.text(name);
        archive.text(value);
    });
    archive.finish().map_err(cut_short)?;
    let different = identity
        .iter()
        .zip(&found)
        .find(|(ours, theirs)| ours != theirs);
    match different {
        Some(((name, ours), (_, theirs))) => refuse(format!(
            "it belongs to a fit with {name} {}, and this one has {ours}",
            shown(theirs)
        )),
        None if identity.len() != found.len() => refuse("it belongs to another fit".to_owned()),
        None => Ok(()),
    }
}

/// A text from elsewhere as it may stand in a message: on one line, and no longer than any that was written.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let plain = |letter: char| match letter.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => letter,
    };
    text.chars().take(LONGEST).map(plain).collect()
}

/// The error for a state that ends early.
pub(crate) fn cut_short(error: io::Error) -> Error {
    Error::State {
        reason: format!("it cannot be read to its end: {error}"),
    }
}

/// A fingerprint of numbers: that of the bits of each in double precision.
pub(crate) fn fingerprint<T: Float>(values: &[T]) -> u64 {
    fnv(values.iter().flat_map(|x| x.to_f64().to_le_bytes()))
}

/// 64-bit FNV-1a (Fowler, Noll & Vo 1991).
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    bytes.fold(BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of field.
    fn walk(archive: &mut Archive<'_>, all: &mut All) {
        archive.count(&mut all.count);
        archive.float(&mut all.float);
        archive.flag(&mut all.flag);
        archive.text(&mut all.text);
        archive.values(&mut all.values);
        archive.floats(&mut all.floats);
        archive.option(&mut all.option, || 0, Archive::count);
        archive.list(&mut all.list, || false, Archive::flag);
    }

    #[derive(Clone, Debug, Default, PartialEq)]
    struct All {
        count: usize,
        float: f64,
        flag: bool,
        text: String,
        values: [f32; 3],
        floats: Vec<f64>,
        option: Option<usize>,
        list: Vec<bool>,
    }

    fn some() -> All {
        All {
            count: 7,
            float: -0.1,
            flag: true,
            text: "größe".to_owned(),
            values: [0.1, f32::MIN_POSITIVE, 3e38],
            floats: (0..3000).map(|i| f64::from(i).sqrt()).collect(),
            option: Some(5),
            list: vec![true, false],
        }
    }

    fn bytes_of(all: &mut All) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut archive = Archive::writing(&mut bytes);
        walk(&mut archive, all);
        archive.finish().unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        for mut all in [some(), All::default()] {
            let bytes = bytes_of(&mut all);
            let (mut read, mut input) = (some(), &bytes[..]);
            let mut archive = Archive::reading(&mut input);
            walk(&mut archive, &mut read);
            archive.finish().unwrap();
            assert_eq!(read, all);
            assert!(input.is_empty());
        }
    }

    #[test]
    fn any_end_that_comes_early_is_an_error() {
        let bytes = bytes_of(&mut some());
        for end in (0..bytes.len()).step_by(37) {
            let mut read = All::default();
            let mut input = &bytes[..end];
            let mut archive = Archive::reading(&mut input);
            walk(&mut archive, &mut read);
            assert!(archive.finish().is_err());
        }
    }

    #[test]
    fn a_wrong_length_takes_no_memory() {
        let mut bytes = u64::MAX.to_le_bytes().to_vec();
        bytes.resize(100, 0);
        let mut input = &bytes[..];
        let mut archive = Archive::reading(&mut input);
        archive.floats(&mut Vec::<f64>::new());
        assert!(archive.finish().is_err());
        let mut input = &bytes[..];
        let mut archive = Archive::reading(&mut input);
        archive.text(&mut String::new());
        assert!(archive.finish().is_err());
    }

    #[test]
    fn a_count_that_nothing_arrives_at_is_refused() {
        for (number, fits) in [
            (LARGEST_COUNT, true),
            (LARGEST_COUNT + 1, false),
            (u64::MAX, false),
        ] {
            let bytes = number.to_le_bytes();
            let (mut count, mut input) = (5, &bytes[..]);
            let mut archive = Archive::reading(&mut input);
            archive.count(&mut count);
            assert_eq!(archive.finish().is_ok(), fits);
            assert_eq!(count as u64, if fits { number } else { 0 });
        }
    }

    #[test]
    fn what_a_state_belongs_to_may_take_many_words() {
        let identity = |last: &str| vec![("ranks".to_owned(), "7, ".repeat(60_000) + last)];
        let mut bytes = Vec::new();
        let mut archive = Archive::writing(&mut bytes);
        sign(&mut archive, identity("8"));
        archive.finish().unwrap();
        check(&mut &bytes[..], &identity("8")).unwrap();
        let refused = check(&mut &bytes[..], &identity("9")).unwrap_err();
        assert!(refused.to_string().len() < 1000, "{refused}");
    }

    #[test]
    fn another_fit_and_another_version_are_refused() {
        let identity = |rank: &str| vec![("rank".to_owned(), rank.to_owned())];
        let mut bytes = Vec::new();
        sign(&mut Archive::writing(&mut bytes), identity("3"));
        check(&mut &bytes[..], &identity("3")).unwrap();
        let reason = |bytes: &[u8], rank| {
            check(&mut &bytes[..], &identity(rank))
                .unwrap_err()
                .to_string()
        };
        assert!(
            reason(&bytes, "4").ends_with("it belongs to a fit with rank 3, and this one has 4")
        );
        let mut hostile = Vec::new();
        let text = format!("3\n\u{1b}[2J{}", "x".repeat(5000));
        sign(&mut Archive::writing(&mut hostile), identity(&text));
        let said = reason(&hostile, "4");
        assert!(
            said.len() < 500 && !said.contains(char::is_control),
            "{said}"
        );
        assert!(reason(&bytes[..30], "3").contains("cannot be read to its end"));
        assert!(reason(b"something else entirely", "3").ends_with("it is not the state of a fit"));
        bytes[8 + NAME.len()] = 9;
        assert!(reason(&bytes, "3").ends_with(&format!(
            "newer version 9; this one reads version {VERSION}"
        )));
    }
}
