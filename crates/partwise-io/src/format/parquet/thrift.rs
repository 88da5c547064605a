//! A look over what a Parquet file says of itself, before the crate that reads it does.
//!
//! Footer and page headers are in Thrift's compact protocol. Where that crate skips a field that it does not know, it takes no byte for an
//! element of a list of booleans, nor sees the end of the file in a list of numbers, and so counts to whatever such a list claims: a few
//! bytes keep it busy for as long as their maker likes. No footer and no page header has such lists, so none is let through. It also reads
//! a field that it does know without a look at the kind that the file says it has. A list could hide behind that, so kinds must be those of
//! the format (parquet.thrift).
//!
//! It makes room for a page, and fills it, before it unpacks the page, and room for the entries of a dictionary before it looks whether
//! they are there. What a page claims is compared with what may be taken.

use std::io::{self, BufRead, Seek, SeekFrom};

/// What a field is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Flag,
    Byte,
    /// Of 16, 32 or 64 bits, which look the same.
    Number,
    /// A number of 32 bits: of so many things room is made, of that many bytes each at the least.
    Room(u64, &'static str),
    /// How many of the columns that follow are within this one.
    Children,
    Double,
    /// Bytes or text.
    Bytes,
    List(&'static Kind),
    Struct(&'static [(i16, Kind)]),
}

use Kind::{Byte, Bytes, Children, Double, Flag, List, Number, Room, Struct};

const STATISTICS: Kind = Struct(&[
    (1, Bytes),
    (2, Bytes),
    (3, Number),
    (4, Number),
    (5, Bytes),
    (6, Bytes),
    (7, Flag),
    (8, Flag),
    (9, Number),
]);

const PAGE_HEADER: Kind = Struct(&[
    (1, Number),
    // The second is in the file as it is.
    (2, Room(1, "bytes to unpack")),
    (3, Number),
    (4, Number),
    // Of a page of data, of an index, of a dictionary, and of a page of data in the second version.
    (
        5,
        Struct(&[
            (1, Number),
            (2, Number),
            (3, Number),
            (4, Number),
            (5, STATISTICS),
        ]),
    ),
    (6, Struct(&[])),
    (
        7,
        Struct(&[
            // Numbers of 32 bits are the shortest that a dictionary is made of.
            (1, Room(4, "entries of a dictionary")),
            (2, Number),
            (3, Flag),
        ]),
    ),
    (
        8,
        Struct(&[
            (1, Number),
            (2, Number),
            (3, Number),
            (4, Number),
            (5, Number),
            (6, Number),
            (7, Flag),
            (8, STATISTICS),
        ]),
    ),
]);

/// Times, with a union of units, each without a field.
const TIME: Kind = Struct(&[
    (1, Flag),
    (
        2,
        Struct(&[(1, Struct(&[])), (2, Struct(&[])), (3, Struct(&[]))]),
    ),
]);

const LOGICAL_TYPE: Kind = Struct(&[
    (1, Struct(&[])),
    (2, Struct(&[])),
    (3, Struct(&[])),
    (4, Struct(&[])),
    (5, Struct(&[(1, Number), (2, Number)])),
    (6, Struct(&[])),
    (7, TIME),
    (8, TIME),
    (10, Struct(&[(1, Byte), (2, Flag)])),
    (11, Struct(&[])),
    (12, Struct(&[])),
    (13, Struct(&[])),
    (14, Struct(&[])),
    (15, Struct(&[])),
    (16, Struct(&[(1, Byte)])),
    (17, Struct(&[(1, Bytes)])),
    (18, Struct(&[(1, Bytes), (2, Number)])),
]);

const SCHEMA_ELEMENT: Kind = Struct(&[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Bytes),
    (5, Children),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, LOGICAL_TYPE),
]);

const KEY_VALUES: Kind = List(&Struct(&[(1, Bytes), (2, Bytes)]));

/// Sizes, and where what has a place on the globe lies.
const LEVELS: Kind = Struct(&[(1, Number), (2, List(&Number)), (3, List(&Number))]);
const GLOBE: Kind = Struct(&[
    (
        1,
        Struct(&[
            (1, Double),
            (2, Double),
            (3, Double),
            (4, Double),
            (5, Double),
            (6, Double),
            (7, Double),
            (8, Double),
        ]),
    ),
    (2, List(&Number)),
]);

const COLUMN: Kind = Struct(&[
    (1, Bytes),
    (2, Number),
    (
        3,
        Struct(&[
            (1, Number),
            (2, List(&Number)),
            (3, List(&Bytes)),
            (4, Number),
            (5, Number),
            (6, Number),
            (7, Number),
            (8, KEY_VALUES),
            (9, Number),
            (10, Number),
            (11, Number),
            (12, STATISTICS),
            (13, List(&Struct(&[(1, Number), (2, Number), (3, Number)]))),
            (14, Number),
            (15, Number),
            (16, LEVELS),
            (17, GLOBE),
        ]),
    ),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
]);

const ROW_GROUP: Kind = Struct(&[
    (1, List(&COLUMN)),
    (2, Number),
    (3, Number),
    (4, List(&Struct(&[(1, Number), (2, Flag), (3, Flag)]))),
    (5, Number),
    (6, Number),
    (7, Number),
]);

const FOOTER: Kind = Struct(&[
    (1, Number),
    (2, List(&SCHEMA_ELEMENT)),
    (3, Number),
    (4, List(&ROW_GROUP)),
    (5, KEY_VALUES),
    (6, Bytes),
    (7, List(&LOGICAL_TYPE)),
]);

// Kinds as they are in a file.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const NUMBERS: std::ops::RangeInclusive<u8> = 4..=6;
const DOUBLE: u8 = 7;
const BYTES: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// Structures within each other, at most; more than that crate follows.
const DEEPEST: usize = 100;

impl Kind {
    fn is(self, said: u8) -> bool {
        match self {
            Flag => said == TRUE || said == FALSE,
            Byte => said == BYTE,
            Number | Room(..) | Children => NUMBERS.contains(&said),
            Double => said == DOUBLE,
            Bytes => said == BYTES,
            List(_) => said == LIST,
            Struct(_) => said == STRUCT,
        }
    }
}

/// Why a look ended before the end.
#[derive(Debug)]
enum Trouble {
    /// The file ends, or cannot be read: that crate says it better.
    Read,
    /// What must not reach that crate.
    Refused(String),
}

impl Trouble {
    fn refused<T>(what: &str) -> Result<T, Self> {
        Err(Self::Refused(what.to_owned()))
    }
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Self {
        Self::Read
    }
}

/// Goes through values as that crate does.
struct Walk<R> {
    file: R,
    /// Bytes seen.
    seen: u64,
    /// Where the last field began.
    began: u64,
    /// Bytes for which room may be made.
    most: u64,
    /// Columns that are still to come within each of those that the last one is in, the outermost first.
    open: Vec<u64>,
    /// Columns within the last one.
    children: u64,
}

impl<R: BufRead> Walk<R> {
    fn byte(&mut self) -> Result<u8, Trouble> {
        let mut byte = [0];
        self.file.read_exact(&mut byte)?;
        self.seen += 1;
        Ok(byte[0])
    }

    fn number(&mut self) -> Result<u64, Trouble> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).wrapping_shl(shift);
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    /// A number that may be below zero.
    fn signed(&mut self) -> Result<i64, Trouble> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn skip(&mut self, mut bytes: u64) -> Result<(), Trouble> {
        while bytes > 0 {
            let there = self.file.fill_buf()?.len();
            if there == 0 {
                return Err(Trouble::Read);
            }
            let taken = usize::try_from(bytes).unwrap_or(there).min(there);
            self.file.consume(taken);
            self.seen += taken as u64;
            bytes -= taken as u64;
        }
        Ok(())
    }

    /// A value of a kind that the file says, and that the format has if it has that field.
    fn value(&mut self, said: u8, known: Option<Kind>, depth: usize) -> Result<(), Trouble> {
        if depth == DEEPEST {
            return Trouble::refused("structures within structures");
        }
        if known.is_some_and(|known| !known.is(said)) {
            return Trouble::refused("a field of another kind than its own");
        }
        match said {
            // A field has it in its kind.
            TRUE | FALSE => Ok(()),
            BYTE => self.skip(1),
            DOUBLE => self.skip(8),
            BYTES => {
                let length = self.number()?;
                self.skip(length)
            }
            LIST | SET => {
                let head = self.byte()?;
                let element = head & 15;
                let count = match head >> 4 {
                    15 => self.number()?,
                    few => u64::from(few),
                };
                let known = match known {
                    Some(List(element)) => Some(*element),
                    _ => None,
                };
                self.elements(count, &[(element, known)], depth)
            }
            MAP => {
                let count = self.number()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                self.elements(count, &[(kinds >> 4, None), (kinds & 15, None)], depth)
            }
            STRUCT => {
                let fields = match known {
                    Some(Struct(fields)) => fields,
                    _ => &[],
                };
                self.fields(fields, depth)
            }
            UUID => self.skip(16),
            said if NUMBERS.contains(&said) => {
                let number = self.signed()? as i32;
                let claimed = u64::try_from(number).unwrap_or(0);
                match known {
                    Some(Room(each, what)) if claimed > self.most / each => {
                        let most = self.most / each;
                        Trouble::refused(&format!("{claimed} {what}; allowed are {most}"))
                    }
                    // Each takes a byte at the least.
                    Some(Children) if claimed > self.most => {
                        let most = self.most;
                        Trouble::refused(&format!("{claimed} columns in {most} bytes"))
                    }
                    Some(Children) => {
                        self.children = claimed;
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
            // No kind: that crate says so.
            _ => Err(Trouble::Read),
        }
    }

    fn elements(
        &mut self,
        count: u64,
        kinds: &[(u8, Option<Kind>)],
        depth: usize,
    ) -> Result<(), Trouble> {
        if count == 0 {
            return Ok(());
        }
        if kinds.iter().any(|(kind, _)| matches!(*kind, TRUE | FALSE)) {
            return Trouble::refused("a list of booleans");
        }
        let nests = |known: &Option<Kind>| match known {
            Some(Struct(fields)) => fields.iter().any(|(_, kind)| matches!(kind, Children)),
            _ => false,
        };
        for _ in 0..count {
            for (kind, known) in kinds {
                // That crate does not see the end of the file in numbers of one length, and goes on to what the list claims.
                let value = self.value(*kind, *known, depth + 1);
                value.map_err(|trouble| match trouble {
                    Trouble::Read => Trouble::Refused("a list in which it ends".to_owned()),
                    refused => refused,
                })?;
                if nests(known) {
                    self.nest()?;
                }
            }
        }
        Ok(())
    }

    /// After a column: that crate goes into those within each other as deep as they are.
    fn nest(&mut self) -> Result<(), Trouble> {
        if let Some(left) = self.open.last_mut() {
            *left -= 1;
        }
        match std::mem::take(&mut self.children) {
            0 => {
                while self.open.last() == Some(&0) {
                    self.open.pop();
                }
            }
            children => self.open.push(children),
        }
        if self.open.len() > DEEPEST {
            return Trouble::refused("columns within columns");
        }
        Ok(())
    }

    fn fields(&mut self, fields: &[(i16, Kind)], depth: usize) -> Result<(), Trouble> {
        let mut last = 0_i16;
        loop {
            self.began = self.seen;
            let head = self.byte()?;
            if head & 15 == 0 {
                return Ok(());
            }
            let field = match head >> 4 {
                0 => self.signed()? as i16,
                // Beyond the last there is none: that crate says so.
                more => last.checked_add(i16::from(more)).ok_or(Trouble::Read)?,
            };
            let known = fields.iter().find(|(known, _)| *known == field);
            self.value(head & 15, known.map(|(_, kind)| *kind), depth + 1)?;
            last = field;
        }
    }
}

/// At which byte it is, and what.
type Refusal = (u64, String);

fn look(file: impl BufRead, kind: Kind, most: u64) -> Result<(), Refusal> {
    let mut walk = Walk {
        file,
        seen: 0,
        began: 0,
        most,
        open: Vec::new(),
        children: 0,
    };
    match walk.value(STRUCT, Some(kind), 0) {
        Err(Trouble::Refused(what)) => Err((walk.began, what)),
        Ok(()) | Err(Trouble::Read) => Ok(()),
    }
}

/// What a footer of so many bytes has that must not reach that crate.
pub(super) fn look_at_footer(footer: impl BufRead, bytes: u64) -> Result<(), Refusal> {
    look(footer, FOOTER, bytes)
}

/// A page header, up to what must not reach that crate. What is no header is left as it is.
#[derive(Debug)]
pub(super) struct Header<R> {
    file: R,
    /// Bytes until then, and what is there.
    refused: Option<Refusal>,
}

impl<R: BufRead + Seek> Header<R> {
    /// The header that begins there, of a page that may take so many bytes.
    pub(super) fn new(mut file: R, start: u64, most: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(start))?;
        let refused = look(&mut file, PAGE_HEADER, most).err();
        file.seek(SeekFrom::Start(start))?;
        Ok(Self { file, refused })
    }
}

impl<R: io::Read> io::Read for Header<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((left, what)) = &mut self.refused else {
            return self.file.read(buffer);
        };
        if *left == 0 && !buffer.is_empty() {
            let text = format!("a page header has {what}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let most = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.file.read(&mut buffer[..most])?;
        *left -= count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    /// A list of booleans that claims as many as there can be, as field 20 behind field 3 or before.
    const CLAIM: &[u8] = &[0x09, 40, 0xf2, 0xff, 0xff, 0xff, 0xff, 0x07];
    /// Type, and both sizes.
    const HEADER: &[u8] = &[0x15, 0, 0x15, 16, 0x15, 16];

    #[test]
    fn a_page_header_ends_before_a_list_of_booleans() {
        let file = [b"data".as_slice(), HEADER, CLAIM, &[0], b"more data"].concat();
        let mut header = Header::new(Cursor::new(&file), 4, 8).unwrap();
        let mut seen = [0; HEADER.len()];
        header.read_exact(&mut seen).unwrap();
        assert_eq!(seen, HEADER);
        let error = header.read_exact(&mut [0]).unwrap_err();
        assert_eq!(error.to_string(), "a page header has a list of booleans");
    }

    #[test]
    fn a_page_header_ends_before_a_size_that_may_not_be_taken() {
        let mut header = Header::new(Cursor::new(HEADER), 0, 7).unwrap();
        let error = header.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a page header has 8 bytes to unpack; allowed are 7"
        );
    }

    #[test]
    fn a_page_header_ends_before_entries_that_may_not_be_taken() {
        // Three entries, of which there is room for two.
        let header = [HEADER, &[0x4c, 0x15, 6, 0x15, 0, 0, 0]].concat();
        let read = |most| {
            let mut header = Header::new(Cursor::new(&header), 0, most).unwrap();
            header.read_to_end(&mut Vec::new())
        };
        let error = read(11).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a page header has 3 entries of a dictionary; allowed are 2"
        );
        assert_eq!(read(12).unwrap(), header.len());
    }

    #[test]
    fn other_page_headers_are_as_they_are() {
        // Statistics of a page of data, and a field from the future: a list of two structures, one with a flag.
        let whole = [
            HEADER,
            &[0x2c, 0x15, 2, 0x15, 0, 0x15, 0, 0x15, 0],
            &[0x1c, 0x18, 1, 9, 0x18, 1, 0, 0x16, 0, 0x41, 0, 0],
            &[0x09, 40, 0x2c, 0x11, 0, 0],
            &[0],
        ]
        .concat();
        let cut = HEADER.to_vec();
        for header in [whole, cut] {
            let file = [header.as_slice(), b"data"].concat();
            let mut read = Vec::new();
            let mut header = Header::new(Cursor::new(&file), 0, 8).unwrap();
            header.read_to_end(&mut read).unwrap();
            assert_eq!(read, file);
        }
    }

    #[test]
    fn a_footer_is_refused_where_the_list_is() {
        let look = |footer: &[u8]| look_at_footer(footer, footer.len() as u64);
        let refused = |footer: &[u8]| look(footer).unwrap_err();
        let booleans = |at| (at, "a list of booleans".to_owned());
        let footer = [&[0x15, 4][..], CLAIM, &[0]].concat();
        assert_eq!(refused(&footer), booleans(2));
        // In a structure of a list of a field that is not known, a map to nothing but booleans.
        let within = [0x15, 4, 0x09, 40, 0x1c, 0x1b, 0xff, 0x7f, 0x12, 0, 0];
        assert_eq!(refused(&within), booleans(5));
        // The version as bytes, in which anything could be.
        let kind = refused(&[0x18, 2, 0xf2, 0xff, 0]);
        assert_eq!(kind, (0, "a field of another kind than its own".to_owned()));
        // Lists of lists of lists.
        let deep = refused(&[vec![0x09, 40], vec![0x19; 1000]].concat());
        assert_eq!(deep, (0, "structures within structures".to_owned()));
        // Numbers of eight bytes, more than there are.
        let torn = refused(&[
            0x15, 4, 0x09, 40, 0xf7, 0xff, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        ]);
        assert_eq!(torn, (2, "a list in which it ends".to_owned()));
        // No elements, and what is cut off elsewhere, are for others to judge.
        assert_eq!(look(&[0x09, 40, 0x02, 0]), Ok(()));
        assert_eq!(look(&footer[..3]), Ok(()));
    }

    #[test]
    fn columns_within_columns_are_counted() {
        // A schema of these columns, each with so many within it.
        let schema = |columns: &[u8]| {
            let list = [0x29, 0xfc, columns.len() as u8];
            let columns = columns.iter().flat_map(|within| [0x55, 2 * within, 0]);
            list.into_iter()
                .chain(columns)
                .chain([0])
                .collect::<Vec<u8>>()
        };
        let look = |footer: &[u8]| look_at_footer(footer, footer.len() as u64);
        assert_eq!(look(&schema(&[3, 0, 2, 0, 0, 0])), Ok(()));
        assert_eq!(look(&schema(&[1; DEEPEST])), Ok(()));
        let deep = look(&schema(&[1; DEEPEST + 1])).unwrap_err();
        assert_eq!(deep.1, "columns within columns");
        let (_, claims) = look(&schema(&[63])).unwrap_err();
        assert_eq!(claims, "63 columns in 7 bytes");
    }
}
