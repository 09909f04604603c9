//! Tables of numbers: once as CSV, once as HTML.

use super::html::escape;

/// A field of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A number and how many decimals a person wants to see. CSV has it in full.
    Number(f64, usize),
    /// Nothing.
    Empty,
}

impl Cell {
    /// A number if there is one.
    pub fn maybe(v: Option<f64>, digits: usize) -> Cell {
        v.map_or(Cell::Empty, |v| Cell::Number(v, digits))
    }

    /// A count.
    pub fn count(n: u64) -> Cell {
        Cell::Number(n as f64, 0)
    }

    fn csv(&self) -> String {
        match self {
            Cell::Text(t) if t.contains([',', '"', '\n', '\r']) => format!("\"{}\"", t.replace('"', "\"\"")),
            Cell::Text(t) => t.clone(),
            // Six digits behind the point are more than any of these numbers has; trailing zeros say nothing.
            Cell::Number(v, _) if v.is_finite() => format!("{}", (v * 1e6).round() / 1e6),
            Cell::Number(..) | Cell::Empty => String::new(),
        }
    }

    fn html(&self) -> String {
        match self {
            Cell::Text(t) => format!("<td>{}</td>", escape(t)),
            Cell::Number(v, digits) if v.is_finite() => format!("<td class=n>{v:.digits$}</td>"),
            Cell::Number(..) | Cell::Empty => "<td class=n>–</td>".into(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.into())
    }
}

/// Rows under named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Names of the columns, with units.
    pub columns: Vec<&'static str>,
    /// As many cells each as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

impl Sheet {
    /// A table without rows.
    pub fn new(columns: &[&'static str]) -> Sheet {
        Sheet { columns: columns.to_vec(), rows: vec![] }
    }

    /// As comma-separated values with a line of names (RFC 4180).
    pub fn csv(&self) -> String {
        let line = |cells: Vec<String>| cells.join(",") + "\n";
        let head = line(self.columns.iter().map(|c| Cell::from(*c).csv()).collect());
        self.rows.iter().fold(head, |text, row| text + &line(row.iter().map(Cell::csv).collect()))
    }

    /// As HTML.
    pub fn html(&self, caption: &str) -> String {
        let head: String = self.columns.iter().map(|c| format!("<th scope=col>{}</th>", escape(c))).collect();
        let rows: String = self
            .rows
            .iter()
            .map(|row| format!("<tr>{}</tr>\n", row.iter().map(Cell::html).collect::<String>()))
            .collect();
        format!(
            "<table>\n<caption>{}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n",
            escape(caption)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranges::thousands;

    #[test]
    fn csv_quotes_what_it_must_and_html_escapes() {
        let mut sheet = Sheet::new(&["run", "error, %"]);
        sheet.rows.push(vec!["a,\"b\" <i>".into(), Cell::Number(1.0 / 3.0, 2)]);
        sheet.rows.push(vec!["c".into(), Cell::Number(f64::NAN, 2)]);
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(sheet.csv(), "run,\"error, %\"\n\"a,\"\"b\"\" <i>\",0.333333\nc,\n");
        let html = sheet.html("x < y");
        assert!(html.contains("<caption>x &lt; y</caption>") && html.contains("a,&quot;b&quot; &lt;i&gt;"), "{html}");
        assert!(html.contains("<td class=n>0.33</td>") && html.contains("<td class=n>–</td>"), "{html}");
    }
}
