//! Scores as a table for people.

use std::fmt::Write;

use super::Draws;

/// One line per distortion: test error in per cent, its spread where there are several draws of one, and the top-5 error
/// where there is one.
pub fn table(all: &[Draws]) -> String {
    let mut out = String::new();
    let width = all.iter().map(|d| d.distortion.len()).max().unwrap_or(0).max("distortion".len());
    let top5 = all.iter().any(|d| d.top5_error().is_some());
    let several = all.iter().any(|d| d.scores.len() > 1);
    let spread = if several { "  deviation   worst" } else { "" };
    let _ = write!(out, "{:<width$}  test error %{spread}      loss", "distortion");
    let _ = writeln!(out, "{}", if top5 { "  top-5 error %" } else { "" });
    for d in all {
        let error = d.error();
        let _ = write!(out, "{:<width$}  {:>12.2}", d.distortion, error.mean);
        if several {
            let deviation = error.deviation.map_or("-".to_owned(), |d| format!("{d:.2}"));
            let _ = write!(out, "  {deviation:>9}  {:>6.2}", error.most);
        }
        let _ = write!(out, "  {:>8.4}", d.loss().mean);
        let top5 = d.top5_error().map_or(String::new(), |e| format!("  {:>13.2}", e.mean));
        let _ = writeln!(out, "{top5}{}", d.from_bits());
    }
    out
}
