//! How much memory there is, so that what cannot fit is refused before it is begun.

use std::fmt;
use std::str::FromStr;

use anyhow::{anyhow, bail};
use partwise_io::Error;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::quantity::number_and_unit;

/// Bytes that the machine can give without swapping, within the limits of the control group and of the shell (`ulimit -v`); the
/// largest number there is on a system that does not say.
pub(crate) fn available() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(memory) else {
        return u64::MAX;
    };
    let group = system
        .cgroup_limits()
        .map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(group).min(addresses())
}

/// Bytes of addresses that the process may still take.
fn addresses() -> u64 {
    let read = |name| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    addresses_left(&read("limits"), &read("status"))
}

/// As [`addresses`], from what Linux says of the process.
fn addresses_left(limits: &str, status: &str) -> u64 {
    let number = |text: &str, label: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(label))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (limit, taken) = (
        number(limits, "Max address space"),
        number(status, "VmSize:").unwrap_or(0),
    );
    limit.map_or(u64::MAX, |limit| limit.saturating_sub(taken * 1024))
}

/// Refuses work that needs more bytes than there are.
pub(crate) fn require(what: &str, needed: u64) -> anyhow::Result<()> {
    Limit::default().require(what, needed)
}

/// Bytes that the program may take: as given, or what the machine can give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    given: Option<Size>,
    /// What has been taken of it.
    taken: u64,
}

impl From<Option<Size>> for Limit {
    fn from(given: Option<Size>) -> Self {
        Self { given, taken: 0 }
    }
}

impl Limit {
    /// The program itself with its libraries, where a limit is given for all of it.
    const PROGRAM: u64 = 16_000_000;

    /// Bytes for data and work.
    pub(crate) fn bytes(self) -> u64 {
        match self.given {
            Some(size) => size.0.saturating_sub(Self::PROGRAM + self.taken),
            None => available(),
        }
    }

    /// What is left of it beside `taken` bytes. What the machine can give is counted anew each time.
    pub(crate) fn less(self, taken: u64) -> Self {
        Self {
            taken: self.taken + taken,
            ..self
        }
    }

    /// Refuses work that needs more bytes than there are.
    ///
    /// # Errors
    /// With what is needed and what there is.
    pub(crate) fn require(self, what: &str, needed: u64) -> anyhow::Result<()> {
        let bytes_left = self.bytes();
        if needed <= bytes_left {
            return Ok(());
        }
        match self.given {
            Some(size) => bail!(
                "{what} needs --memory {}; {size} is too little",
                Size(needed.saturating_add(Self::PROGRAM + self.taken)).rounded_up()
            ),
            None => bail!(
                "{what} needs {} of memory; this machine has {} to give",
                bytes(needed),
                bytes(bytes_left)
            ),
        }
    }

    /// What a reader meets: that a file takes more memory than it was allowed is said as [`Self::require`] does, with what may be
    /// done `instead`.
    pub(crate) fn told(self, error: anyhow::Error, instead: &str) -> anyhow::Error {
        let refused = match error.downcast_ref() {
            Some(Error::TooLarge {
                file,
                needed,
                at_least,
                ..
            }) => {
                let refused = self.require(&format!("reading {file}"), *needed).err();
                refused.map(|refused| match at_least {
                    true => anyhow!("{refused}, and it may take more"),
                    false => refused,
                })
            }
            _ => None,
        };
        match refused {
            Some(refused) => anyhow!("{refused}{instead}"),
            None => error,
        }
    }
}

/// A number of bytes as people write it: `512M`, `2G`, `1.5GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u64);

impl Size {
    /// The number itself.
    pub(crate) fn bytes(self) -> u64 {
        self.0
    }

    /// The next whole number of megabytes.
    fn rounded_up(self) -> Self {
        const MEGABYTE: u64 = 1_000_000;
        Self(self.0.div_ceil(MEGABYTE).saturating_mul(MEGABYTE))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            ('T', 1_000_000_000_000),
            ('G', 1_000_000_000),
            ('M', 1_000_000),
            ('K', 1000),
        ];
        match units
            .iter()
            .find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit))
        {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("'{text}' is no size; expected one like 512M, 2G or 1.5GiB");
        let (number, unit) = number_and_unit(text).ok_or_else(refuse)?;
        let unit = unit.to_ascii_lowercase();
        let (letter, rest) = unit.split_at(unit.len().min(1));
        let power = match letter {
            "" | "b" => 0,
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            _ => return Err(refuse()),
        };
        let base: f64 = match rest {
            "" | "b" => 1000.0,
            "i" | "ib" => 1024.0,
            _ => return Err(refuse()),
        };
        let bytes = number * base.powi(power);
        if !(bytes >= 1.0 && bytes < u64::MAX as f64) {
            return Err(refuse());
        }
        Ok(Self(bytes as u64))
    }
}

/// A number of bytes in three digits.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 7] = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        assert_eq!(bytes(512), "512 bytes");
        assert_eq!(bytes(1_500), "1.50 kB");
        assert_eq!(bytes(999_600), "1.00 MB");
        assert_eq!(bytes(24_100_000_000), "24.1 GB");
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let sizes = ["1000", "512M", "2G", "1.5GiB", "64 kB", "3mib", "7b"]
            .map(|text| text.parse::<Size>().unwrap().0);
        assert_eq!(
            sizes,
            [
                1000,
                512_000_000,
                2_000_000_000,
                1_610_612_736,
                64_000,
                3 << 20,
                7
            ]
        );
        for text in [
            "", "G", "-1G", "2X", "1e9", "0", "2GG", "1.2.3M", "inf", "é",
        ] {
            let error = text.parse::<Size>().unwrap_err();
            assert_eq!(
                error,
                format!("'{text}' is no size; expected one like 512M, 2G or 1.5GiB")
            );
        }
        let shown =
            ["2G", "1500M", "1.5GiB", "12K"].map(|text| text.parse::<Size>().unwrap().to_string());
        assert_eq!(shown, ["2G", "1500M", "1610612736", "12K"]);
    }

    #[test]
    fn a_given_limit_says_what_would_do() {
        let limit = Limit::from(Some("64M".parse().unwrap()));
        limit.require("this", 48_000_000).unwrap();
        let error = limit.require("this", 48_000_001).unwrap_err().to_string();
        assert_eq!(error, "this needs --memory 65M; 64M is too little");
    }

    #[test]
    fn a_file_that_is_too_large_for_a_limit_says_what_would_do() {
        let limit = Limit::from(Some("64M".parse().unwrap()));
        let told_of = |needed, at_least, limit: Limit| {
            let error = Error::TooLarge {
                file: "v.mtx".into(),
                needed,
                limit: limit.bytes(),
                at_least,
            };
            limit.told(error.into(), "; or not").to_string()
        };
        let told = |needed, limit| told_of(needed, false, limit);
        assert_eq!(
            told_of(50_000_000, true, limit),
            "reading v.mtx needs --memory 66M; 64M is too little, and it may take more; or not"
        );
        assert_eq!(
            told(50_000_000, limit),
            "reading v.mtx needs --memory 66M; 64M is too little; or not"
        );
        assert_eq!(
            told(50_000_000, limit.less(8_000_000)),
            "reading v.mtx needs --memory 74M; 64M is too little; or not"
        );
        let other = limit.told(anyhow!("k is 0"), "; or not").to_string();
        assert_eq!(other, "k is 0");
    }

    #[test]
    fn the_limit_of_the_shell_is_heard() {
        let limits = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units\nMax address space         {soft}            unlimited            bytes\n"
            )
        };
        let status = "Name:\tpartwise\nVmSize:\t   10000 kB\n";
        assert_eq!(addresses_left(&limits("unlimited"), status), u64::MAX);
        assert_eq!(
            addresses_left(&limits("20971520"), status),
            20_971_520 - 10_240_000
        );
        assert_eq!(addresses_left(&limits("1048576"), status), 0);
        assert_eq!(addresses_left("", ""), u64::MAX);
    }

    #[test]
    fn the_machine_has_some_memory_but_not_all_of_it() {
        assert!(available() > 0);
        let error = require("this", u64::MAX).unwrap_err().to_string();
        assert!(
            error.starts_with("this needs 18.4 EB of memory; this machine has "),
            "{error}"
        );
    }
}
