use super::*;
use crate::report::stats::error;

/// A run folder with some files.
pub fn folder(dir: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(&path).unwrap();
    for (name, text) in files {
        fs::write(path.join(name), text).unwrap();
    }
    path
}

/// A line of `sweep.jsonl`; `error` is JSON.
pub fn point(step: u64, distortion: &str, draw: u64, images: u64, error: &str) -> String {
    format!(
        "{{\"run\":\"r\",\"step\":{step},\"distortion\":\"{distortion}\",\"draw\":{draw},\"seed\":1,\"moments\":\"recomputed\",\
         \"moments_batches\":200,\"images\":{images},\"error\":{error},\"top5_error\":null,\"loss\":0.5}}\n"
    )
}

/// `run.json` of a preset that says nothing more.
pub fn info(preset: &str) -> String {
    format!("{{\"preset\":\"{preset}\",\"command\":\"weightproof train {preset} --data /d\",\"adapter\":\"a\"}}")
}

fn read(subjects: &[PathBuf]) -> (Vec<Run>, Vec<String>) {
    let mut warnings = vec![];
    (runs(subjects, &mut warnings).unwrap(), warnings)
}

#[test]
fn what_is_no_whole_line_is_left_out_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let good = point(4, "none", 0, 50, "12.5");
    let sweep = format!("{good}nonsense\n{}{}", point(4, "sign", 0, 50, "null"), &good[..20]);
    let log = "{\"step\":4,\"epoch\":1,\"loss\":null,\"lr\":0.1}\n{\"step\":4,\"epoch\":1,\"eval\":\"sign\",\"error\":null,\"loss\":1}\n{\"st";
    let run = folder(dir.path(), "a", &[("sweep.jsonl", &sweep), ("log.jsonl", log), ("analysis.json", "{\"run\":")]);
    let (runs, warnings) = read(&[run]);
    assert_eq!(runs[0].points.iter().map(|p| p.error).collect::<Vec<_>>(), [12.5]);
    assert!(runs[0].steps[0].loss.is_nan() && runs[0].evals[0].error.is_nan());
    assert_eq!((runs[0].label.as_str(), runs[0].analysis.step), ("a", 0));
    let text = warnings.join("\n");
    for word in [
        "log.jsonl: the last line was cut off",
        "analysis.json",
        "sweep.jsonl: line 2",
        "sweep.jsonl: line 3",
        "sweep.jsonl: the last line was cut off",
    ] {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
    assert_eq!(warnings.len(), 5, "{text}");
}

#[test]
fn runs_of_one_preset_are_told_apart_by_their_folders() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str, preset: &str| folder(dir.path(), name, &[("run.json", &info(preset))]);
    let (a, b, c) = (at("x/seed-1", "p"), at("y/seed-1", "p"), at("z", "q"));
    let (runs, warnings) = read(&[a.clone(), b, c, a]);
    let labels: Vec<&str> = runs.iter().map(|r| r.label.as_str()).collect();
    assert_eq!(labels[2], "q");
    assert!(labels[0].ends_with("x/seed-1)") && labels[1].ends_with("y/seed-1)"), "{labels:?}");
    assert!(warnings.len() == 1 && warnings[0].contains("given twice"), "{warnings:?}");
    assert_eq!(runs[0].data().as_deref(), Some("/d"));
}

#[test]
fn points_of_earlier_steps_are_left_out_and_of_one_distortion_the_most_thorough_count() {
    let dir = tempfile::tempdir().unwrap();
    let lines = [
        point(2, "none", 0, 50, "80"),
        point(4, "none", 0, 50, "20"),
        point(4, "sign", 0, 10, "99"),
        point(4, "sign", 0, 50, "30"),
        point(4, "sign", 1, 50, "32"),
        point(4, "sign", 0, 50, "12").replace("\"error\"", "\"set\":\"data.gcn = 55\",\"error\""),
    ];
    let run = folder(
        dir.path(),
        "a",
        &[("sweep.jsonl", &lines.concat()), ("log.jsonl", "{\"step\":9,\"epoch\":2,\"loss\":1}\n")],
    );
    let (runs, warnings) = read(&[run]);
    assert_eq!(runs[0].points.iter().map(|p| p.error).collect::<Vec<_>>(), [20.0, 99.0, 30.0, 32.0, 12.0]);
    let sign = error(&runs[0], "sign", Moments::Recomputed).unwrap();
    assert_eq!((sign.mean, sign.draws, sign.measure.images, sign.measure.set), (31.0, 2, 50, ""));
    let text = warnings.join("\n");
    assert!(text.contains("earlier steps") && text.contains("went on to 9") && warnings.len() == 2, "{text}");
    assert_eq!((runs[0].step(), runs[0].steps_per_epoch()), (Some(9), Some(4)));
}

#[test]
fn the_test_at_the_end_of_training_counts_where_no_sweep_measured() {
    let dir = tempfile::tempdir().unwrap();
    let eval = |step: u64, name: &str, more: &str, error: f64| {
        format!("{{\"step\":{step},\"epoch\":1,\"eval\":\"{name}\"{more},\"error\":{error},\"loss\":1}}\n")
    };
    let log = [
        eval(2, "none", "", 70.0),
        eval(4, "none", "", 11.0),
        eval(4, "none", ",\"part\":\"validation\"", 9.0),
        eval(4, "addnorm:0.3 x8", "", 13.0),
        eval(4, "sign", ",\"images\":360,\"moments_batches\":7", 14.0),
    ];
    let run = folder(dir.path(), "a", &[("log.jsonl", &log.concat()), ("sweep.jsonl", &point(4, "none", 0, 50, "12"))]);
    let (runs, _) = read(&[run]);
    let points: Vec<(&str, f64, u64)> =
        runs[0].points.iter().map(|p| (p.distortion.as_str(), p.error, p.images)).collect();
    assert_eq!(points, [("none", 12.0, 50), ("addnorm:0.3", 13.0, 0), ("sign", 14.0, 360)]);
}

#[test]
fn a_subject_that_says_nothing_is_refused_with_what_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let e = |path: PathBuf| runs(&[path], &mut vec![]).unwrap_err().to_string();
    let empty = e(dir.path().to_path_buf());
    assert!(empty.contains("nothing to report") && empty.contains("sweep.jsonl"), "{empty}");
    assert!(e(dir.path().join("gone")).contains("gone"));
    assert!(runs(&[], &mut vec![]).is_err());
}

#[test]
fn a_file_of_weights_is_reported_by_the_points_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let weights = dir.path().join("mine.safetensors");
    fs::write(&weights, "").unwrap();
    fs::write(dir.path().join("mine.sweep.jsonl"), point(0, "none", 0, 50, "12")).unwrap();
    let (runs, warnings) = read(&[weights]);
    assert_eq!((runs[0].label.as_str(), runs[0].points.len(), warnings.len()), ("mine", 1, 0));
}
