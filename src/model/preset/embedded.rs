//! The presets of `models/`, part of the binary so that an installed one needs no files.

/// A line per file: its name, which is its path under `models/` without `.toml`, and its text.
#[rustfmt::skip]
static PRESETS: &[(&str, &str)] = &[
    ("demo/digits", include_str!("../../../models/demo/digits.toml")),
    ("merolla2016/cifar10/base", include_str!("../../../models/merolla2016/cifar10/base.toml")),
    ("merolla2016/cifar10/tr-none-nc", include_str!("../../../models/merolla2016/cifar10/tr-none-nc.toml")),
    ("merolla2016/cifar10/tr-none-c", include_str!("../../../models/merolla2016/cifar10/tr-none-c.toml")),
    ("merolla2016/cifar10/tr-sign-c", include_str!("../../../models/merolla2016/cifar10/tr-sign-c.toml")),
    ("merolla2016/cifar10/tr-stoch-c", include_str!("../../../models/merolla2016/cifar10/tr-stoch-c.toml")),
    ("merolla2016/cifar10/tr-power-c", include_str!("../../../models/merolla2016/cifar10/tr-power-c.toml")),
    ("merolla2016/cifar10/tr-stochm-c", include_str!("../../../models/merolla2016/cifar10/tr-stochm-c.toml")),
    ("nin/cifar10/nin-ctrl", include_str!("../../../models/nin/cifar10/nin-ctrl.toml")),
];

/// Text of the built-in preset called `name`.
pub fn text(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// Names of the built-in presets; those that only serve as a base for others are called `base`.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name).filter(|n| !n.ends_with("base"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn files(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|n| n != "records") {
                files(&path, found);
            } else if path.extension().is_some_and(|e| e == "toml") {
                let name = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap();
                found.push(name.with_extension("").to_str().unwrap().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_preset_of_the_folder_is_built_in() {
        let mut found = vec![];
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models"), &mut found);
        found.sort();
        let mut built_in: Vec<&str> = PRESETS.iter().map(|(n, _)| *n).collect();
        built_in.sort();
        assert_eq!(found, built_in, "add the file to the table in src/model/preset/embedded.rs");
    }
}
