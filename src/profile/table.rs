//! A profile as text for people.

use std::fmt::Write;

use Side::{Left, Right};

use super::json::Earlier;
use super::projections::Cost;
use super::rows::{self, Row, ratio};
use super::{About, Profile};
use crate::ranges::thousands;

/// Where a column's text stands.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

/// The whole profile.
pub fn table(profile: &Profile) -> String {
    let mut out = head(profile);
    let cpu = profile.samples.iter().any(|s| !s.cpu.is_empty());
    out.push('\n');
    let mut titles = vec![
        ("scope", Left),
        ("kernel/variant", Left),
        ("calls", Right),
        ("µs", Right),
        ("±", Right),
        ("share", Right),
        ("", Left),
        ("GFLOP/s", Right),
        ("GB/s", Right),
        ("FLOP/B", Right),
    ];
    if cpu {
        titles.push(("GFLOP/cpu-s", Right));
    }
    titles.extend([("of roof", Right), ("bound by", Left)]);
    let most = rows::by_scope(profile).iter().map(|r| r.share).fold(0.0, f64::max);
    let cells = |name: String, kernel: String, r: &Row| {
        let mut cells = vec![
            name,
            kernel,
            r.calls.to_string(),
            micros(r.ns[1]),
            format!("{:.0}%", 100.0 * r.spread()),
            format!("{:.1}%", 100.0 * r.share),
            bar(ratio(r.share, most)),
            rate(r.gflops()),
            rate(r.gbs()),
            rate(r.intensity()),
        ];
        if cpu {
            cells.push(r.gflop_per_cpu_second().map_or(String::new(), rate));
        }
        cells.extend([format!("{:.0}%", 100.0 * r.roof), r.bound.name().to_owned()]);
        cells
    };
    let mut body = vec![];
    for r in rows::by_scope(profile) {
        match r.kernels.as_slice() {
            [one] => body.push(cells(r.name.clone(), one.clone(), &r)),
            many => {
                body.push(cells(r.name.clone(), format!("{} kernels", many.len()), &r));
                for part in rows::parts(profile, &r.name) {
                    let mut line = cells(String::new(), format!("  {}", part.name), &part);
                    // Its bar would count the time twice.
                    line[6].clear();
                    body.push(line);
                }
            }
        }
    }
    let mut sum = cells("sum".into(), String::new(), &rows::sum(profile));
    sum[6].clear();
    out += &columns(&titles, &body, Some(&sum));

    out.push('\n');
    titles.remove(0);
    let body: Vec<Vec<String>> = rows::by_kernel(profile)
        .iter()
        .map(|r| {
            let mut line = cells(String::new(), r.name.clone(), r);
            line.remove(0);
            line
        })
        .collect();
    out += &columns(&titles, &body, None);
    let families: Vec<String> =
        rows::by_family(profile).iter().map(|r| format!("{} {:.1}%", r.name, 100.0 * r.share)).collect();
    let _ = writeln!(out, "\nby family: {}", families.join(", "));
    out
}

/// What was profiled, what the adapter can do, what a step costs.
fn head(p: &Profile) -> String {
    let sum = rows::sum(p);
    let mut lines: Vec<(&str, String)> =
        vec![("profile", what(&p.about)), ("adapter", format!("{}, {}", p.about.adapter, p.about.driver))];
    let matrix = p.roofs.matrix_flop.map_or(String::new(), |f| format!(", matrix {} GFLOP/s", rate(f / 1e9)));
    let cpu = p.roofs.f32_flop_cpu.map_or(String::new(), |f| format!(" ({} per cpu-second)", rate(f / 1e9)));
    lines.push((
        "roofs",
        format!(
            "f32 {} GFLOP/s{cpu}{matrix}, memory {} GB/s (copy command {}, kernel {}), ridge {} FLOP/B",
            rate(p.roofs.f32_flop / 1e9),
            rate(p.roofs.memory() / 1e9),
            rate(p.roofs.copy_command / 1e9),
            rate(p.roofs.copy_kernel / 1e9),
            rate(p.roofs.f32_flop / p.roofs.memory()),
        ),
    ));
    lines.push((
        "",
        format!(
            "empty dispatch {} µs, behind a barrier {} µs",
            micros(p.roofs.dispatch_ns),
            micros(p.roofs.barrier_ns)
        ),
    ));
    let seconds = p.step.wall / 1e3;
    lines.push((
        "step",
        format!(
            "{} ms undisturbed (±{:.0}%): {} images/s, {} GFLOP/s; its commands one by one: {} ms",
            millis(p.step.wall),
            100.0 * ratio(p.step.spread, p.step.wall),
            rate(ratio(p.about.batch as f64, seconds)),
            rate(ratio(sum.work.flop / 1e9, seconds)),
            millis(sum.ns[1] / 1e6),
        ),
    ));
    lines.push((
        "host",
        format!(
            "per step: {} ms for its images ({:.1}%), encode {} ms, submit {} ms{}, waits {} ms for the device",
            millis(p.step.data),
            100.0 * ratio(p.step.data, p.step.wall),
            millis(p.step.encode),
            millis(p.step.submit),
            // As drivers on the CPU do.
            if p.step.submit > 0.5 * p.step.wall { " (the driver runs the commands in there)" } else { "" },
            millis(p.step.wait)
        ),
    ));
    let start = p.start;
    lines.push((
        "start",
        format!(
            "{} ms to the end of the first step: plan {}, {} pipelines and memory {}, first step {}",
            millis(start.plan + start.load + start.first),
            millis(start.plan),
            start.pipelines,
            millis(start.load),
            millis(start.first)
        ),
    ));
    lines.push(("memory", format!("{:.1} MiB on the device", p.memory as f64 / (1 << 20) as f64)));
    let repeats = p.samples.iter().map(|s| s.spans.len()).min().unwrap_or(0);
    lines.push(("times", format!("medians of {repeats}, {}; ± half the distance of the quartiles", p.about.clock)));
    lines.iter().map(|(name, text)| format!("{name:<9}{text}\n")).collect()
}

fn what(a: &About) -> String {
    let pass = match a.pass.as_str() {
        "step" => "training step",
        "eval" => "test pass",
        _ => "forward pass",
    };
    format!("{}: {pass}, batch {}, projection {}, {}", a.preset, a.batch, a.projection, a.images)
}

/// What became of each scope since an earlier profile.
pub fn against(profile: &Profile, earlier: &Earlier) -> String {
    let mut out = String::new();
    let (now, then) = (&profile.about, &earlier.about);
    let _ = writeln!(out, "earlier  {}, version {}", what(then), then.version);
    let _ = writeln!(out, "         {}, {}", then.adapter, then.driver);
    for (name, a, b) in [
        ("adapter", &now.adapter, &then.adapter),
        ("driver", &now.driver, &then.driver),
        ("preset", &now.preset, &then.preset),
        ("pass", &now.pass, &then.pass),
        ("projection", &now.projection, &then.projection),
    ] {
        if a != b {
            let _ = writeln!(out, "         another {name}: {b}, now {a}");
        }
    }
    let titles = [("scope", Left), ("then µs", Right), ("now µs", Right), ("now/then", Right), ("", Left)];
    let line = |name: &str, then: Option<f64>, now: Option<f64>| {
        let ratio = then.zip(now).map(|(t, n)| ratio(n, t)).filter(|r| *r > 0.0);
        let text = |ns: Option<f64>| ns.map_or("-".to_owned(), micros);
        let verdict = ratio.map_or("", |r| {
            if r < 0.95 {
                "faster"
            } else if r > 1.05 {
                "slower"
            } else {
                ""
            }
        });
        vec![
            name.to_owned(),
            text(then),
            text(now),
            ratio.map_or("-".to_owned(), |r| format!("{r:.2}")),
            verdict.into(),
        ]
    };
    let scopes = rows::by_scope(profile);
    let before = |name: &str| earlier.scopes.iter().find(|(n, _)| n == name).map(|(_, us)| us * 1e3);
    let mut body: Vec<Vec<String>> = scopes.iter().map(|r| line(&r.name, before(&r.name), Some(r.ns[1]))).collect();
    for (name, us) in earlier.scopes.iter().filter(|(n, _)| scopes.iter().all(|r| r.name != *n)) {
        body.push(line(name, Some(us * 1e3), None));
    }
    let then: f64 = earlier.scopes.iter().map(|(_, us)| us * 1e3).sum();
    body.push(line("sum", Some(then), Some(scopes.iter().map(|r| r.ns[1]).sum())));
    let wall = line("undisturbed", Some(earlier.step.wall * 1e6), Some(profile.step.wall * 1e6));
    out.push('\n');
    out += &columns(&titles, &body, Some(&wall));
    out
}

/// The cost of each projection beside that of none.
pub fn projections(costs: &[Cost]) -> String {
    let titles = [
        ("projection", Left),
        ("project µs", Right),
        ("over none µs", Right),
        ("step ms", Right),
        ("over none", Right),
    ];
    let body: Vec<Vec<String>> = costs
        .iter()
        .map(|c| {
            vec![
                c.projection.clone(),
                micros(c.project_ns),
                if c.over_ns < 0.0 { format!("-{}", micros(-c.over_ns)) } else { micros(c.over_ns) },
                millis(c.step_ms),
                format!("{:+.1}%", 100.0 * (c.ratio - 1.0)),
            ]
        })
        .collect();
    columns(&titles, &body, None)
}

/// Lines of columns as wide as their widest cell; `last` is set off by a rule. Columns without any text are left out.
fn columns(titles: &[(&str, Side)], body: &[Vec<String>], last: Option<&Vec<String>>) -> String {
    let all = || body.iter().chain(last);
    let width = |i: usize| {
        let cells = all().map(|row| row[i].chars().count()).max().unwrap_or(0);
        if cells == 0 { 0 } else { cells.max(titles[i].0.chars().count()) }
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let line = |cells: &[String]| {
        let mut text = String::new();
        for ((cell, (_, side)), &w) in cells.iter().zip(titles).zip(&widths).filter(|(_, w)| **w > 0) {
            let pad = " ".repeat(w - cell.chars().count());
            text += &if *side == Side::Left { format!("{cell}{pad}  ") } else { format!("{pad}{cell}  ") };
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut out = line(&titles.iter().map(|(t, _)| (*t).to_owned()).collect::<Vec<_>>());
    body.iter().for_each(|row| out += &line(row));
    if let Some(last) = last {
        let long = out.lines().map(|l| l.chars().count()).max().unwrap_or(0);
        let _ = writeln!(out, "{}", "─".repeat(long));
        out += &line(last);
    }
    out
}

/// A bar of up to eight characters.
fn bar(part: f64) -> String {
    const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    let eighths = (part.clamp(0.0, 1.0) * 64.0).round() as usize;
    let mut text = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        text.push(EIGHTHS[eighths % 8 - 1]);
    }
    text
}

/// Nanoseconds as microseconds with three digits or more: `0.82`, `14.3`, `54,235`.
fn micros(ns: f64) -> String {
    let us = ns / 1e3;
    if us >= 999.5 { thousands(us.round() as u64) } else { digits(us) }
}

fn millis(ms: f64) -> String {
    if ms >= 999.5 { thousands(ms.round() as u64) } else { digits(ms) }
}

/// A rate with three digits.
fn rate(v: f64) -> String {
    if v >= 999.5 { thousands(v.round() as u64) } else { digits(v) }
}

fn digits(v: f64) -> String {
    match v {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v > 0.0 => format!("{v:.2}"),
        _ => "0".into(),
    }
}
