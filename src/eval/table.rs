//! Scores as a table for people.

use std::fmt::Write;

use super::Score;

/// One line per distortion: test error in per cent, and the top-5 error where there is one.
pub fn table(scores: &[Score]) -> String {
    let mut out = String::new();
    let width = scores.iter().map(|s| s.distortion.len()).max().unwrap_or(0).max("distortion".len());
    let top5 = scores.iter().any(|s| s.top5_error.is_some());
    let _ = write!(out, "{:<width$}  test error %      loss", "distortion");
    let _ = writeln!(out, "{}", if top5 { "  top-5 error %" } else { "" });
    for s in scores {
        let _ = write!(out, "{:<width$}  {:>12.2}  {:>8.4}", s.distortion, s.error, s.loss);
        let _ = writeln!(out, "{}", s.top5_error.map_or(String::new(), |e| format!("  {e:>13.2}")));
    }
    out
}
