//! How much memory there is, so that what cannot fit is refused before it is begun.

use anyhow::bail;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Bytes that the machine can give without swapping, within the limits of the control group; the largest number there
/// is on a system that does not say.
pub(crate) fn available() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(memory) else {
        return u64::MAX;
    };
    let group = system
        .cgroup_limits()
        .map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(group)
}

/// Refuses work that needs more bytes than there are.
pub(crate) fn require(what: &str, needed: u64) -> anyhow::Result<()> {
    let available = available();
    if needed > available {
        bail!(
            "{what} needs {} of memory; this machine has {} to give",
            bytes(needed),
            bytes(available)
        );
    }
    Ok(())
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
    fn the_machine_has_some_memory_but_not_all_of_it() {
        assert!(available() > 0);
        let error = require("this", u64::MAX).unwrap_err().to_string();
        assert!(
            error.starts_with("this needs 18.4 EB of memory; this machine has "),
            "{error}"
        );
    }
}
