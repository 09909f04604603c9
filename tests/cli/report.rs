//! `report`: from a trained run to a page.

use std::fs;
use std::path::Path;

use crate::Place;

#[test]
fn a_trained_run_becomes_a_page_beside_its_files() {
    let place = Place::new();
    place.trained("run", "--set steps=20 --set eval.every=1 --set eval.distort=[\"none\",\"sign\"]");
    let out = place.run("report run").ok();
    assert_eq!(out.trim_end(), format!("report: {}", Path::new("run").join("report").join("index.html").display()));
    let page = fs::read_to_string(place.path("run/report/index.html")).unwrap();
    for text in
        ["Test error under projected weights", "Figure 1B", "Training loss", "weightproof train demo/digits", "preset"]
    {
        assert!(page.contains(text), "{text}");
    }
    let csv = fs::read_to_string(place.path("run/report/data/error-in-training.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5, "two tests under two projections: {csv}");
    // Again, to a folder of its own.
    place.run("report run --out there").ok();
    assert!(place.path("there/figures/loss.png").is_file());
    place.run("report gone").refused(&["gone"]);
    place.run("report").refused(&["RUN"]);
}
