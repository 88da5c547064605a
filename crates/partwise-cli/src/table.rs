//! Tables for people: what a thing is called, and its value.

/// Rows of a name and a value, printed in two columns.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<(String, String)>,
}

impl Table {
    /// Adds a row.
    pub(crate) fn row(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.rows.push((name.into(), value.into()));
        self
    }

    /// The lines, the values below each other.
    pub(crate) fn render(&self) -> String {
        let width = self.rows.iter().map(|(name, _)| name.chars().count()).max();
        let width = width.unwrap_or(0);
        let line = |(name, value): &(String, String)| format!("{name:width$}  {value}\n");
        self.rows.iter().map(line).collect()
    }
}

/// "1 iteration", "2 iterations".
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Text as a field of CSV.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_below_each_other() {
        let mut table = Table::default();
        table
            .row("shape", "2 × 3")
            .row("nonzeros", counted(1, "entry"));
        assert_eq!(table.render(), "shape     2 × 3\nnonzeros  1 entry\n");
    }
}
