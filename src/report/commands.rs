//! The commands that make the numbers of a report again, as a shell takes them.

use super::read::Run;
use super::shell::quote;

/// Commands over the runs of a report.
#[derive(Debug)]
pub struct Commands {
    runs: Vec<String>,
    data: String,
    out: String,
}

impl Commands {
    /// For these runs; the report goes to `out`, as a `single` file or with others.
    pub fn new(runs: &[Run], out: &std::path::Path, single: bool) -> Commands {
        let names: Vec<String> = runs.iter().map(|r| quote(&r.subject.display().to_string())).collect();
        let data = runs.iter().find_map(Run::data);
        Commands {
            runs: names,
            data: data.map_or(String::new(), |d| format!(" --data {}", quote(&d))),
            out: format!("{}{}", quote(&out.display().to_string()), if single { " --single" } else { "" }),
        }
    }

    /// `weightproof sweep` over the runs.
    pub fn sweep(&self, options: &str) -> String {
        format!("weightproof sweep {}{} {options}", self.runs.join(" "), self.data)
    }

    /// `weightproof analyze` of each run: one section, under some distortions.
    pub fn analyze(&self, section: &str, options: &str) -> String {
        let rest = format!("{} --only {section} {options}", self.data);
        match self.runs.as_slice() {
            [one] => format!("weightproof analyze {one}{rest}"),
            runs => format!("for run in {}; do weightproof analyze \"$run\"{rest}; done", runs.join(" ")),
        }
    }

    /// The same, under a list of distortions.
    pub fn analyze_under(&self, section: &str, distortions: &[&str]) -> String {
        self.analyze(section, &format!("--distort {}", quote(&distortions.join(","))))
    }

    /// This report again.
    pub fn report(&self) -> String {
        format!("weightproof report {} --out {}", self.runs.join(" "), self.out)
    }
}
