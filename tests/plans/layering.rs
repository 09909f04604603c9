//! The architecture as a table, and the house rules of files. The table below is the statement of who may use whom; there
//! is no other.

use std::path::{Path, PathBuf};

use weightproof::kernels::shaders;

/// `(module, the modules it may name)`: one row per file or folder of `src/`, from the bottom up. A row names rows above
/// it only, so there are no cycles. Tests inside a module obey its row.
///
/// `cli -> train -> eval -> weights -> session -> model -> layers -> kernels -> projection, plan -> error`, and beside this chain the runners, which execute
/// plans and know nothing of nets, and the data sets, which know nothing of nets or plans.
const MAY_USE: &[(&str, &[&str])] = &[
    // The error type: everything may fail.
    ("error", &[]),
    // The random numbers: a pure function.
    ("philox", &[]),
    // Ranges of what presets give.
    ("ranges", &[]),
    // Files replaced whole or not at all.
    ("files", &["error"]),
    // Messages between the processes of a run. It knows no nets, no plans, no device.
    ("exchange", &["error"]),
    // What is done to weights, as data.
    ("projection", &["philox", "error"]),
    // What a step is, as data. It knows no kernel: the names in its commands are text.
    ("plan", &["projection", "error"]),
    // What each kernel computes. No device: the twins are plain loops.
    ("kernels", &["projection", "plan", "ranges", "philox", "error"]),
    // The two runners. They see plans and kernels, never the net that a plan came from, and not each other.
    ("gpu", &["kernels", "projection", "plan", "files", "philox", "error"]),
    ("cpu", &["kernels", "plan", "philox", "error"]),
    // The comparison of the two runners.
    ("check", &["gpu", "cpu", "kernels", "plan", "error"]),
    // The data sets. No nets, no plans, no device.
    ("data", &["files", "philox", "error"]),
    // How a layer uses kernels. It appends to plans, and runs none.
    ("layers", &["kernels", "plan", "ranges", "philox", "error"]),
    // Presets and the plans made of them. Still no device: a plan can be built and printed anywhere. Of gpu it has the
    // reader of users' own projections, which needs naga.
    ("model", &["layers", "gpu", "kernels", "projection", "plan", "ranges", "philox", "error"]),
    // A network on a device, ready to step.
    ("session", &["model", "kernels", "projection", "plan", "gpu", "data", "error"]),
    // Files of weights, and the networks that they are.
    ("weights", &["session", "model", "kernels", "projection", "gpu", "data", "files", "error"]),
    // Drawings as SVG and PNG. It knows only shapes.
    ("figure", &[]),
    // Where the time of a step goes.
    ("profile", &["figure", "ranges", "session", "model", "kernels", "projection", "plan", "gpu", "data", "error"]),
    // Speed, and comparisons of it.
    ("bench", &["profile", "weights", "session", "model", "kernels", "projection", "plan", "gpu", "data", "error"]),
    // What a step would take on more ranks.
    ("scale", &["figure", "exchange", "profile", "session", "model", "kernels", "plan", "gpu", "error"]),
    // The loops, which join nets, data and a runner.
    (
        "eval",
        &["exchange", "weights", "session", "model", "kernels", "projection", "plan", "gpu", "data", "files", "error"],
    ),
    (
        "train",
        &[
            "exchange",
            "eval",
            "weights",
            "session",
            "model",
            "kernels",
            "projection",
            "plan",
            "gpu",
            "data",
            "files",
            "philox",
            "error",
        ],
    ),
    // Pages of what the loops wrote. It runs nothing: no device, no data.
    ("report", &["ranges", "train", "eval", "figure", "model", "files", "error"]),
    // Trained networks under lists of distortions.
    (
        "sweep",
        &[
            "train",
            "eval",
            "weights",
            "session",
            "model",
            "layers",
            "kernels",
            "projection",
            "gpu",
            "data",
            "files",
            "error",
        ],
    ),
    // All that an adapter can be asked, in processes of their own.
    (
        "adapter_report",
        &[
            "train", "eval", "bench", "profile", "check", "session", "model", "kernels", "plan", "gpu", "data",
            "files", "error",
        ],
    ),
    // The command line: everything.
    (
        "cli",
        &[
            "adapter_report",
            "report",
            "sweep",
            "train",
            "eval",
            "scale",
            "bench",
            "profile",
            "figure",
            "exchange",
            "files",
            "weights",
            "session",
            "model",
            "layers",
            "check",
            "kernels",
            "projection",
            "plan",
            "gpu",
            "data",
            "error",
        ],
    ),
    ("main", &["cli"]),
];

/// The crates that only `src/gpu/` may name.
const DEVICE_CRATES: [&str; 6] = ["ash", "wgpu", "naga", "wgpu_hal", "wgpu_core", "wgpu_types"];

/// Lines of a file of `src/` or `shaders/`, at most: what a reader can hold in mind.
const MOST_LINES: usize = 600;

/// Every file with the extension below a folder of the repository, as `(path relative to the repository, text)`.
fn files(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join(folder)];
    let mut found = vec![];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                found.push((path.strip_prefix(root).expect("below the root").to_path_buf(), text));
            }
        }
    }
    assert!(!found.is_empty(), "no .{extension} file in {folder}");
    found.sort();
    found
}

/// The code without comments: links in documentation are no imports.
fn code(text: &str) -> String {
    text.lines().map(|l| l.split("//").next().unwrap_or("").to_owned() + "\n").collect()
}

/// The top-level module of a file of `src/`: `src/plan/memory.rs` and `src/plan.rs` are `plan`.
fn module(path: &Path) -> String {
    let first = path.components().nth(1).expect("src/ and a name").as_os_str();
    Path::new(first).file_stem().expect("a name").to_string_lossy().into_owned()
}

/// Whether a byte can be part of a name.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The name at the start of a text.
fn name_at(text: &str) -> &str {
    &text[..text.bytes().position(|b| !is_name(b)).unwrap_or(text.len())]
}

/// Positions after each occurrence of `path`, e.g. `crate::`, that is not the end of a longer name.
fn after<'a>(text: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    let whole = |at: &usize| *at == 0 || !is_name(text.as_bytes()[at - 1]);
    text.match_indices(path).map(|(at, _)| at).filter(whole).map(move |at| &text[at + path.len()..])
}

/// The first names of `a::b` or of every branch of `{a::b, c::{d, e}}`.
fn first_names(text: &str) -> Vec<&str> {
    let Some(group) = text.trim_start().strip_prefix('{') else { return vec![name_at(text)] };
    let (mut depth, mut start, mut names) = (0, true, vec![]);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && !c.is_whitespace() => {
                names.push(name_at(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    names
}

/// The top-level modules of the library that code names.
fn imports(code: &str) -> Vec<&str> {
    ["crate::", "weightproof::"].iter().flat_map(|p| after(code, p)).flat_map(first_names).collect()
}

#[test]
fn a_row_of_the_table_names_rows_above_it_only() {
    for (i, (module, uses)) in MAY_USE.iter().enumerate() {
        for used in *uses {
            assert!(MAY_USE[..i].iter().any(|(m, _)| m == used), "{module} uses {used}, which is not above it");
        }
    }
}

#[test]
fn imports_run_one_way() {
    let mut bad = vec![];
    for (path, text) in files("src", "rs") {
        let (module, code) = (module(&path), code(&text));
        if module == "lib" {
            continue;
        }
        let Some((_, uses)) = MAY_USE.iter().find(|(m, _)| *m == module) else {
            bad.push(format!("{}: module {module} has no row in the table", path.display()));
            continue;
        };
        for used in imports(&code) {
            if used != module && !uses.contains(&used) {
                bad.push(format!("{}: {module} may not use {used}", path.display()));
            }
        }
        // `super` could climb to the root unseen: by two steps from `src/plan/memory.rs`, three from its tests.
        let depth = path.components().count() - if path.ends_with("mod.rs") { 2 } else { 1 };
        let (own, tests) = code.split_once("#[cfg(test)]").unwrap_or((&code, ""));
        if own.contains(&"super::".repeat(depth)) || tests.contains(&"super::".repeat(depth + 1)) {
            bad.push(format!("{}: write crate:: where super:: leads out of {module}", path.display()));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// Every path of the tree behind `use `, in words: `a::{b, c::d}` is `a b` and `a c d`.
fn leaves(tree: &str) -> Vec<Vec<String>> {
    let (head, rest) = tree.split_once('{').map_or((tree, None), |(head, rest)| (head, Some(rest)));
    let start: Vec<String> = head.split("::").map(|w| name_at(w.trim()).to_owned()).filter(|w| !w.is_empty()).collect();
    let Some(group) = rest.and_then(|rest| rest.rsplit_once('}')).map(|(group, _)| group) else { return vec![start] };
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {}
        }
        if c != ',' || depth > 0 {
            parts.last_mut().expect("it has one").push(c);
        }
    }
    let inner = parts.iter().filter(|part| !part.trim().is_empty()).flat_map(|part| leaves(part.trim()));
    inner.map(|leaf| start.iter().cloned().chain(leaf).collect()).collect()
}

/// The module of a file of `src/`, in words: `src/plan/memory.rs` is `plan memory`, `src/plan/mod.rs` is `plan`.
fn module_path(path: &Path) -> Vec<String> {
    let words = path.with_extension("").iter().skip(1).map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>();
    words.into_iter().filter(|w| w != "mod" && w != "lib").collect()
}

/// A folder's file may name what it holds, and what it holds may name its folder's file; else imports run in no circle.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let all = files("src", "rs");
    let modules: Vec<Vec<String>> = all.iter().map(|(path, _)| module_path(path)).collect();
    let file_of = |words: &[String]| {
        (0..=words.len()).rev().find_map(|n| modules.iter().position(|m| m[..] == words[..n])).expect("lib.rs is one")
    };
    let imports = |(at, (_, text)): (usize, &(PathBuf, String))| -> Vec<usize> {
        let (code, own) = (code(text), &modules[at]);
        let own_code = code.split("#[cfg(test)]").next().unwrap_or_default();
        let mut found = vec![];
        for leaf in after(own_code, "use ").filter_map(|t| t.split_once(';')).flat_map(|(tree, _)| leaves(tree)) {
            let ups = leaf.iter().take_while(|w| *w == "super").count();
            let words: Vec<String> = match leaf.first().map(String::as_str) {
                Some("crate") => leaf[1..].to_vec(),
                Some("super") => own[..own.len() - ups].iter().chain(&leaf[ups..]).cloned().collect(),
                _ => own.iter().chain(&leaf).cloned().collect(),
            };
            let target = file_of(&words);
            if target != at && !own.starts_with(&modules[target]) {
                found.push(target);
            }
        }
        found
    };
    let edges: Vec<Vec<usize>> = all.iter().enumerate().map(imports).collect();
    // Files that name none of those left, or that none of those names, go until only circles are left.
    let mut left: Vec<usize> = (0..all.len()).collect();
    loop {
        let names = |file: &usize| edges[*file].iter().any(|target| left.contains(target));
        let named = |file: &usize| left.iter().any(|other| edges[*other].contains(file));
        let rest: Vec<usize> = left.iter().copied().filter(|file| names(file) && named(file)).collect();
        if rest.len() == left.len() {
            break;
        }
        left = rest;
    }
    let circles: Vec<String> = left.iter().map(|file| all[*file].0.display().to_string()).collect();
    assert!(circles.is_empty(), "in a circle, or between two: {}", circles.join(", "));
}

#[test]
fn only_gpu_names_wgpu_or_naga() {
    let mut bad = vec![];
    for (path, text) in files("src", "rs").iter().filter(|(p, _)| module(p) != "gpu") {
        let code = code(text);
        for name in DEVICE_CRATES {
            let imported = after(&code, "use ").chain(after(&code, "extern crate ")).any(|t| name_at(t) == name);
            if imported || after(&code, &format!("{name}::")).next().is_some() {
                bad.push(format!("{} names {name}", path.display()));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_leaves_of_an_import_are_found() {
    let words = |leaf: Vec<String>| leaf.join(" ");
    let all: Vec<String> = leaves("crate::{a::b, c::{self, d as e}}").into_iter().map(words).collect();
    assert_eq!(all, ["crate a b", "crate c self", "crate c d"]);
}

#[test]
fn imports_are_found_in_groups_and_paths_and_not_in_comments() {
    let text =
        "use crate::{a::b, c::{d, e},\n f}; //! [`crate::g`]\n fn x() -> crate::h::Y {} // crate::i\nmycrate::j();";
    assert_eq!(imports(&code(text)), ["a", "c", "f", "h"]);
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let all = files("src", "rs").into_iter().chain(files("shaders", "wgsl"));
    let long: Vec<String> = all
        .filter(|(_, text)| text.lines().count() > MOST_LINES)
        .map(|(path, text)| format!("{} has {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "above {MOST_LINES}: {}", long.join(", "));
}

#[test]
fn a_shader_is_called_folder_verb_variant() {
    let mut bad = vec![];
    for (path, _) in files("shaders", "wgsl") {
        let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy().into_owned();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let parts: Vec<&str> = stem.split('.').collect();
        let plain =
            |p: &&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        // A piece to include has one word: no variant.
        let piece = shaders::pieces().any(|(p, _)| path.ends_with(p));
        let good = if piece { parts.len() == 1 } else { parts.len() == 3 && parts[0] == folder };
        if !good || !parts.iter().all(plain) || path.components().count() != 3 {
            bad.push(path.display().to_string());
        }
    }
    assert!(bad.is_empty(), "not shaders/FOLDER/FOLDER.VERB.VARIANT.wgsl: {}", bad.join(", "));
}

#[test]
fn nothing_is_left_to_do_or_switched_off() {
    // In pieces, so that this file does not find itself.
    let words = [["todo", "!("], ["unimplemented", "!("], ["#[ig", "nore"], ["dbg", "!("]].map(|w| w.concat());
    let mut bad = vec![];
    for (path, text) in files("src", "rs").into_iter().chain(files("tests", "rs")) {
        for word in words.iter().filter(|w| code(&text).contains(*w)) {
            bad.push(format!("{}: {word}", path.display()));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
