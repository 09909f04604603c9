//! Scores as a table for people.

use std::fmt::Write;

use super::Score;

/// One line per distortion: test error in per cent, and the top-5 error where there are more than ten classes.
pub fn table(scores: &[Score], classes: usize) -> String {
    let mut out = String::new();
    let width = scores.iter().map(|s| s.distortion.len()).max().unwrap_or(0).max("distortion".len());
    let top5 = classes > 10;
    let _ = write!(out, "{:<width$}  test error %      loss", "distortion");
    let _ = writeln!(out, "{}", if top5 { "  top-5 error %" } else { "" });
    for s in scores {
        let _ = write!(out, "{:<width$}  {:>12.2}  {:>8.4}", s.distortion, s.error, s.loss);
        let _ = writeln!(out, "{}", if top5 { format!("  {:>13.2}", s.top5_error) } else { String::new() });
    }
    out
}
