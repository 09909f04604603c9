//! Points as a table for people.

use std::fmt::Write;

use crate::eval::{Draws, Point, Score};

/// Points of one run, grouped by distortion in the order of the first of each.
fn groups(points: &[Point]) -> Vec<Draws> {
    let mut all: Vec<Draws> = vec![];
    for Point { distortion, loss, error, top5_error, from_bits, .. } in points {
        let (loss, error, top5_error, from_bits) = (*loss, *error, *top5_error, *from_bits);
        let score = Score { distortion: distortion.clone(), loss, error, top5_error, from_bits };
        match all.iter_mut().find(|d| d.distortion == *distortion) {
            Some(draws) => draws.scores.push(score),
            None => all.push(Draws { distortion: distortion.clone(), scores: vec![score] }),
        }
    }
    all
}

/// One block per run, one line per distortion: mean, deviation and the worst over its draws.
pub fn table(runs: &[Vec<Point>]) -> String {
    let mut out = String::new();
    let width = runs.iter().flatten().map(|p| p.distortion.len()).max().unwrap_or(0).max("distortion".len());
    let top5 = runs.iter().flatten().any(|p| p.top5_error.is_some());
    for points in runs.iter().filter(|p| !p.is_empty()) {
        let Point { run, step, images, moments_batches, .. } = &points[0];
        let moments = points[0].moments.name();
        let _ =
            writeln!(out, "{run}, step {step}, {images} test images, moments {moments} ({moments_batches} batches)");
        let _ = write!(out, "{:<width$}  draws  test error %  deviation   worst", "distortion");
        let _ = writeln!(out, "{}", if top5 { "  top-5 error %" } else { "" });
        for d in groups(points) {
            let error = d.error();
            let deviation = error.deviation.map_or("-".into(), |d| format!("{d:.2}"));
            let _ = write!(out, "{:<width$}  {:>5}  {:>12.2}", d.distortion, d.scores.len(), error.mean);
            let _ = write!(out, "  {deviation:>9}  {:>6.2}", error.most);
            let top5 = d.top5_error().map_or(String::new(), |e| format!("  {:>13.2}", e.mean));
            let _ = writeln!(out, "{top5}{}", d.from_bits());
        }
        out.push('\n');
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Moments;

    fn point(distortion: &str, draw: u64, error: f64) -> Point {
        Point {
            run: "a".into(),
            step: 7,
            distortion: distortion.into(),
            draw,
            seed: 1,
            moments: Moments::Recomputed,
            moments_batches: 4,
            images: 100,
            set: String::new(),
            from_bits: false,
            error,
            top5_error: None,
            loss: 1.0,
        }
    }

    #[test]
    fn mean_deviation_and_worst_over_the_draws_by_hand() {
        let points = [point("sign", 0, 10.0), point("addnorm:0.3", 0, 12.0), point("addnorm:0.3", 1, 18.0)];
        assert_eq!(
            table(&[points.to_vec()]),
            "a, step 7, 100 test images, moments recomputed (4 batches)\n\
             distortion   draws  test error %  deviation   worst\n\
             sign             1         10.00          -   10.00\n\
             addnorm:0.3      2         15.00       4.24   18.00\n"
        );
    }
}
