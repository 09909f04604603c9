//! Whole reports of made-up runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::read::tests::{folder, info, point};
use super::{default_folder, write};
use crate::model::preset::Preset;

/// Every section of an analysis of a network of two layers.
const ANALYSIS: &str = r#"{"run":"r","step":4,
"bits":[{"distortion":"sign","bits":0.91,"by_layer":[{"layer":"conv1","bits":0.9},{"layer":"conv2","bits":null}],"draws":1,"seed":1}],
"budgets":[{"distortion":"addnorm","bound_error":22.0,"none_error":20.0,"parameter":0.41,"error":21.5,"bits":0.8,"outcome":"crossed","tolerance":0.01,"range":[0.0,2.0],"draws":4,"seed":1,"images":50,"moments":"recomputed","moments_batches":2},
 {"distortion":"addnorm","bound_error":10.0,"none_error":20.0,"parameter":null,"error":20.0,"bits":null,"outcome":"never_met","tolerance":0.0,"range":[0.0,2.0],"draws":4,"seed":1,"images":50,"moments":"recomputed","moments_batches":2}],
"layers":[{"distortion":"none","layer":"all","error":20.0,"draws":1,"seed":1,"images":50,"moments":"recomputed","moments_batches":2},
 {"distortion":"sign","layer":"conv1","error":33.5,"draws":1,"seed":1,"images":50,"moments":"recomputed","moments_batches":2}],
"distance":[{"distortion":"sign","layer":"conv1","mean_abs":0.02,"mean_abs_over_alpha":0.31}],
"correlation":[{"a":"none","b":"sign","layer":"conv1","r":0.93,"r_sums":0.9,"images":50},{"a":"none","b":"sign","layer":"conv2","r":null,"r_sums":null,"images":50}],
"histograms":[{"layer":"conv2","distortion":"none","edges":[-1.5,-0.5,0.5,1.5],"counts":[3,5,2],"alpha":0.04},{"layer":"conv2","distortion":"sign","edges":[-1.5,-0.5,0.5,1.5],"counts":[6,0,4],"alpha":0.04}],
"filters":[{"layer":"conv1","filter":0,"shape":[2,2,1],"weights":[0.1,-0.2,0.0,0.3],"distortion":"none"},{"layer":"fc1","filter":0,"shape":[1,1,4],"weights":[1,2,3,4],"distortion":"none"}]}"#;

fn log() -> String {
    let mut text = String::new();
    for step in 1..=4 {
        text += &format!(
            "{{\"step\":{step},\"epoch\":{},\"loss\":{},\"lr\":0.1,\"images_per_s\":1}}\n",
            step / 2,
            1.0 / step as f64
        );
        if step % 2 == 0 {
            text += &format!(
                "{{\"step\":{step},\"epoch\":{},\"eval\":\"none\",\"error\":{},\"loss\":1}}\n",
                step / 2,
                60 / step
            );
        }
    }
    text
}

/// A run of the paper's Tr-None-C, an eighth as wide, with all there can be.
fn whole(dir: &Path) -> PathBuf {
    let sets = ["width=0.125", "epochs=2", "log.every=1"].map(String::from);
    let preset = Preset::load("merolla2016/cifar10/tr-none-c", &sets).unwrap();
    let info = serde_json::json!({"preset": preset.name, "command": "weightproof train P --data /d", "adapter": "llvmpipe",
        "version": "0.1.0", "started": "2026-01-01T00:00:00Z", "variants": {"conv2d.forward": "lanes"},
        "preset_toml": preset.to_toml()});
    let mut sweep = point(4, "none", 0, 50, "20") + &point(4, "sign", 0, 50, "8.32") + &point(4, "round", 0, 50, "22");
    for (i, sigma) in ["0", "0.5", "1"].iter().enumerate() {
        for draw in 0..2 {
            sweep += &point(4, &format!("addnorm:{sigma}"), draw, 50, &format!("{}", 20 + 10 * i as u64 + draw));
        }
    }
    folder(
        dir,
        "whole",
        &[("run.json", &info.to_string()), ("log.jsonl", &log()), ("sweep.jsonl", &sweep), ("analysis.json", ANALYSIS)],
    )
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_figure_is_in_the_page_and_beside_it_and_nothing_comes_from_a_network() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let written = write(&[whole(dir.path())], &out, false).unwrap();
    assert_eq!(written.warnings, Vec::<String>::new());
    let page = fs::read_to_string(&written.page).unwrap();
    let ids = [
        "budgets",
        "correlation",
        "distance",
        "error-in-training",
        "filters",
        "histograms-tr-none-c",
        "loss",
        "sensitivity",
        "sweep-addnorm",
        "table2",
    ];
    assert_eq!(written.figures, ids.len());
    assert_eq!(names(&out.join("data")).len(), ids.len() + 1, "and all points");
    for id in ids {
        assert!(page.contains(&format!("<figure id=\"{id}\">")), "{id}");
        let svg = fs::read_to_string(out.join(format!("figures/{id}.svg"))).unwrap();
        assert!(svg.contains("</svg>") && !svg.contains("NaN") && !svg.contains("inf"), "{id}");
        assert!(fs::read(out.join(format!("figures/{id}.png"))).unwrap().starts_with(b"\x89PNG"), "{id}");
        assert!(fs::read_to_string(out.join(format!("data/{id}.csv"))).unwrap().lines().count() > 1, "{id}");
    }
    // The only address is the name of the SVG format.
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("http") && !page.contains("<script") && !page.contains("<link"));
    assert_eq!(page.matches("<img ").count(), page.matches(" alt=\"").count());
    assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
    for (open, close) in
        [("<figure", "</figure>"), ("<details", "</details>"), ("<table", "</table>"), ("<div", "</div>")]
    {
        assert_eq!(page.matches(open).count(), page.matches(close).count(), "{open}");
    }
}

#[test]
fn learning_curves_of_wide_residual_networks_stand_beside_the_papers() {
    let dir = tempfile::tempdir().unwrap();
    let run = |folder_name: &str, preset: &str, distortion: &str, errors: &[(u64, f64)]| {
        let sets = ["width=0.25", "epochs=6"].map(String::from);
        let preset = Preset::load(format!("mcdonnell2018/{preset}"), &sets).unwrap();
        let info = serde_json::json!({"preset": preset.name, "command": "weightproof train P", "preset_toml": preset.to_toml()});
        let line = |(epoch, error): &(u64, f64)| {
            format!(
                "{{\"step\":{},\"epoch\":{epoch},\"eval\":\"{distortion}\",\"error\":{error},\"loss\":1}}\n",
                400 * epoch
            )
        };
        let log: String = errors.iter().map(line).collect();
        folder(dir.path(), folder_name, &[("run.json", &info.to_string()), ("log.jsonl", &log)])
    };
    let runs = [
        run("a", "cifar10/wrn-20-4-1bit", "he-sign", &[(2, 44.5), (6, 31.25)]),
        run("b", "cifar10/wrn-20-4-32bit", "none", &[(2, 40.0)]),
        run("c", "cifar100/wrn-20-4-1bit-cutout", "he-sign", &[(6, 60.0)]),
    ];
    let out = dir.path().join("out");
    let written = write(&runs, &out, false).unwrap();
    let page = fs::read_to_string(&written.page).unwrap();
    // Ours, the paper's after as many epochs, the difference, the paper's in the end.
    for row in [
        "<td class=n>31.25</td><td class=n>15.08</td><td class=n>16.17</td><td class=n>6.13</td>",
        "<td class=n>40.00</td><td class=n>24.16</td><td class=n>15.84</td><td class=n>5.02</td>",
        "<td class=n>60.00</td><td class=n>–</td><td class=n>–</td><td class=n>23.74</td>",
    ] {
        assert!(page.contains(row), "{row}");
    }
    assert!(page.contains("<td>width</td><td>0.25</td><td>1.0</td>"), "what differs is said");
    assert!(!page.contains("Table 2"));
    let curves = fs::read_to_string(out.join("data/learning-curves.csv")).unwrap();
    assert!(
        curves.contains("wrn-20-4-1bit,cifar10,1,6,31.25,15.08\n")
            && curves.contains("wrn-20-4-32bit,cifar10,32,126,,5.25\n"),
        "{curves}"
    );
    // Its cut-out is not in the paper's curves.
    assert!(!curves.contains("cifar100"));
}

#[test]
fn a_single_page_names_no_file_and_has_none_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let written = write(&[whole(dir.path())], &out, true).unwrap();
    let page = fs::read_to_string(&written.page).unwrap();
    assert_eq!((names(&out), written.figures), (vec!["index.html".to_owned()], page.matches("<figure id=").count()));
    assert!(!page.contains("href=\"figures/") && !page.contains("href=\"data/"));
    assert!(page.contains("out --single</"), "the command that makes it again says so");
}

#[test]
fn table_2_has_ours_the_papers_and_the_difference_and_says_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    write(&[whole(dir.path())], &out, false).unwrap();
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    // Tr-None-C: 9.97 and 11.32 in the paper.
    for cell in
        ["<td class=n>20.00</td><td class=n>9.97</td>", ">+10.03</td>", ">-3.00</td>", ">Tr-StochM-C<", ">7.64<"]
    {
        assert!(page.contains(cell), "{cell}");
    }
    for difference in [
        "<td>width</td><td>0.125</td><td>1.0</td>",
        "<td>epochs</td><td>2</td><td>500</td>",
        "<td>test images</td><td>50</td><td>10,000</td>",
    ] {
        assert!(page.contains(difference), "{difference}");
    }
    assert!(!page.contains("<td>log.every</td>"), "what changes no number is not named");
    let csv = fs::read_to_string(out.join("data/table2.csv")).unwrap();
    assert!(csv.contains("Tr-None-C,sign,8.32,0,1,50,11.32,-3\n"), "{csv}");
    // The sweep: mean, deviation, least, worst of two draws; the paper's value at sigma 0.
    let csv = fs::read_to_string(out.join("data/sweep-addnorm.csv")).unwrap();
    assert!(csv.contains("tr-none-c,0.5,30.5,0.707107,30,31,2,50,\n"), "{csv}");
    assert!(csv.contains("tr-none-c,0,20.5,0.707107,20,21,2,50,9.97\n"), "{csv}");
}

#[test]
fn unlike_points_share_neither_a_curve_nor_a_caption() {
    let dir = tempfile::tempdir().unwrap();
    let mut sweep = String::new();
    let mut add = |distortion: &str, images: u64, batches: u64, error: &str| {
        let batches = format!("\"moments_batches\":{batches}");
        sweep += &point(4, distortion, 0, images, error).replace("\"moments_batches\":200", &batches);
    };
    for sigma in ["0", "0.5", "1"] {
        add(&format!("addnorm:{sigma}"), 360, 7, "30");
        add(&format!("addnorm:{sigma}"), 360, 2, "35");
        add(&format!("multunif:{sigma}"), 360, 7, "30");
    }
    for sigma in ["0", "0.25", "0.75"] {
        add(&format!("addnorm:{sigma}"), 20, 7, "50");
    }
    // At no other parameter than the thorough one: a trial that it replaces.
    add("multunif:0", 20, 7, "70");
    add("multunif:1", 20, 7, "70");
    add("none", 360, 7, "11");
    add("sign", 20, 7, "55");
    let log = "{\"step\":4,\"epoch\":1,\"eval\":\"round\",\"error\":12,\"loss\":1}\n";
    let with = folder(dir.path(), "a", &[("run.json", &info("a")), ("sweep.jsonl", &sweep), ("log.jsonl", log)]);
    // Another network, without batch norm: its points are like those over as many images.
    let mut sweep = String::new();
    for sigma in ["0", "1"] {
        let line = point(4, &format!("addnorm:{sigma}"), 0, 360, "40");
        sweep += &line.replace("\"moments_batches\":200", "\"moments_batches\":0");
    }
    let without = folder(dir.path(), "b", &[("run.json", &info("b")), ("sweep.jsonl", &sweep)]);
    let out = dir.path().join("out");
    write(&[with, without], &out, false).unwrap();
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    let rows = |id: &str| fs::read_to_string(out.join(format!("data/{id}.csv"))).unwrap();
    // Nothing but the parameters differs within a figure; those of 2 batches are replaced by those of 7.
    let csv = rows("sweep-addnorm");
    assert_eq!(csv.lines().count(), 1 + 3 + 2, "{csv}");
    assert!(csv.lines().skip(1).all(|l| l.contains(",1,360,")) && !csv.contains(",35,"), "{csv}");
    let csv = rows("sweep-addnorm-2");
    assert_eq!(csv.lines().count(), 1 + 3, "{csv}");
    assert!(csv.lines().skip(1).all(|l| l.contains(",50,") && l.contains(",1,20,")), "{csv}");
    assert_eq!(rows("sweep-multunif").lines().count(), 1 + 3);
    assert!(!out.join("data/sweep-multunif-2.csv").exists());
    for text in [
        "One draw a point, 360 test images, 7 training batches for the moments, computed anew for every draw.",
        "One draw a point, 20 test images, 7 training batches for the moments, computed anew for every draw.",
        "additive noise (20 test images, 7 training batches for the moments)</h3>",
        "--addnorm 0:1:0.5 --images 360 --moments-batches 7",
        "--images 20 --moments-batches 7",
        // Table 2: most by one measure, the others marked.
        "<td class=n>11.00</td>",
        "<p class=note>Unless marked: 360 test images, 7 training batches for the moments.</p>",
        "<td class=n>55.00<sup>a</sup></td>",
        "<p class=note><sup>a</sup> 20 test images, 7 training batches for the moments.</p>",
        "<td class=n>12.00<sup>b</sup></td>",
        "<sup>b</sup> the test at the end of training; its log does not say over how many images.",
        "Only errors over 360 test images, 7 training batches for the moments; the others are in the table.",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("20 to 360"), "no caption spans what is unlike");
}

#[test]
fn analyses_over_other_images_have_panels_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let one = folder(dir.path(), "a", &[("run.json", &info("a")), ("analysis.json", ANALYSIS)]);
    let other = ANALYSIS.replace("\"images\":50", "\"images\":20");
    let other = folder(dir.path(), "b", &[("run.json", &info("b")), ("analysis.json", &other)]);
    let out = dir.path().join("out");
    write(&[one, other], &out, false).unwrap();
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    for (id, titles) in [
        ("budgets", vec!["(50 test images, 2 training", "(20 test images, 2 training"]),
        ("sensitivity", vec!["this layer alone (50 test images", "this layer alone (20 test images"]),
        ("correlation", vec!["none and sign (50 images)", "none and sign (20 images)"]),
    ] {
        let from = page.find(&format!("<figure id=\"{id}\">")).unwrap();
        let figure = &page[from..from + page[from..].find("</figure>").unwrap()];
        for title in titles {
            assert!(figure.contains(title), "{title} is not in {id}");
        }
    }
    assert!(!page.contains("50, 20"), "no caption for both");
}

#[test]
fn a_caption_says_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, analysis: Option<&str>| {
        let (info, log) = (info(name), log());
        let mut files = vec![("run.json", info.as_str()), ("log.jsonl", log.as_str())];
        files.extend(analysis.map(|text| ("analysis.json", text)));
        folder(dir.path(), name, &files)
    };
    let written = |runs: &[PathBuf]| {
        let out = dir.path().join("out");
        write(runs, &out, false).unwrap();
        fs::read_to_string(out.join("index.html")).unwrap()
    };
    // Of three panels one has a picture of a filter, and only one: the other filter is of a linear layer.
    let (a, b, c) = (run("a", None), run("b", Some(ANALYSIS)), run("c", None));
    let page = written(&[a.clone(), b.clone(), c]);
    assert!(page.contains("Above b: the weights of a filter after training."), "{page}");
    assert!(written(&[b]).contains("Above the chart: the weights of a filter after training."));
    let two = ANALYSIS.replace(
        "\"layer\":\"fc1\",\"filter\":0,\"shape\":[1,1,4]",
        "\"layer\":\"fc1\",\"filter\":0,\"shape\":[4,1,1]",
    );
    let two = two.replace("\"distortion\":\"none\"}", "\"distortion\":\"sign\"}");
    let (d, e) = (run("d", Some(&two)), run("e", Some(&two)));
    assert!(written(&[d, e]).contains("Above each: the weights of two filters after training, under sign."));
    let page = written(&[a]);
    assert!(!page.contains("filters after training"));
    // One draw, no band and no deviation; a log of four lines, no means.
    for text in ["The band reaches", "± is", "dark line reaches", "means of neighbours", "None: the bound"] {
        assert!(!page.contains(text), "{text}");
    }
}

#[test]
fn figures_without_data_are_left_out_and_named_with_their_command() {
    let dir = tempfile::tempdir().unwrap();
    let run = folder(dir.path(), "it's", &[("run.json", &info("p")), ("sweep.jsonl", &point(4, "none", 0, 50, "20"))]);
    let out = dir.path().join("out");
    let written = write(&[run], &out, false).unwrap();
    assert_eq!(written.figures, 1, "the table as a figure");
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    for text in
        ["Figure 2A", "--addnorm", "Figure 1C", "--only distance", "Figure 1D", "--only correlation", "Noise budgets"]
    {
        assert!(page.contains(text), "{text}");
    }
    // Escaped for the shell, then for HTML.
    assert!(page.contains("it&#39;\\&#39;&#39;s&#39; --data /d"), "the folder in a command");
    assert!(!page.contains("differ from the paper"), "a preset of one's own has no paper");
}

#[test]
fn what_a_run_says_cannot_become_markup() {
    let dir = tempfile::tempdir().unwrap();
    let bad = "<script>\\\"&";
    let run = folder(
        dir.path(),
        "a",
        &[
            ("run.json", &info(bad)),
            ("log.jsonl", &log().replace("none", bad)),
            ("analysis.json", &ANALYSIS.replace("conv1", bad).replace("conv2", bad)),
        ],
    );
    let out = dir.path().join("out");
    write(&[run], &out, false).unwrap();
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.to_lowercase().contains("<script"));
    assert!(
        names(&out.join("figures")).iter().all(|n| n.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)))
    );
}

#[test]
fn a_report_goes_into_its_run_and_one_of_several_beside_runs() {
    let dir = tempfile::tempdir().unwrap();
    let one = dir.path().to_path_buf();
    assert_eq!(default_folder(std::slice::from_ref(&one)), one.join("report"));
    assert!(default_folder(&[one.clone(), one]).starts_with("runs"));
}
