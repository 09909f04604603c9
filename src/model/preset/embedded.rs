//! The presets of `models/`, part of the binary so that an installed one needs no files.

/// The files of these names, which are their paths under `models/` without `.toml`, and their texts.
macro_rules! presets {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../models/", $name, ".toml")))),*]
    };
}

/// A line per file.
#[rustfmt::skip]
static PRESETS: &[(&str, &str)] = presets![
    "demo/digits"
    "merolla2016/cifar10/base"
    "merolla2016/cifar10/tr-none-nc"
    "merolla2016/cifar10/tr-none-c"
    "merolla2016/cifar10/tr-sign-c"
    "merolla2016/cifar10/tr-stoch-c"
    "merolla2016/cifar10/tr-power-c"
    "merolla2016/cifar10/tr-stochm-c"
    "merolla2016/imagenet/base"
    "merolla2016/imagenet/tr-none-nc"
    "merolla2016/imagenet/tr-none-c"
    "merolla2016/imagenet/tr-stochm3-c"
    "merolla2016/imagenet/bwn"
    "merolla2016/imagenet/binaryconnect"
    "nin/cifar10/nin-ctrl"
    "mcdonnell2018/base"
    "mcdonnell2018/cifar10/wrn-20-10-1bit"
    "mcdonnell2018/cifar10/wrn-20-10-1bit-cutout"
    "mcdonnell2018/cifar10/wrn-20-10-32bit"
    "mcdonnell2018/cifar10/wrn-20-10-32bit-cutout"
    "mcdonnell2018/cifar10/wrn-20-4-1bit"
    "mcdonnell2018/cifar10/wrn-20-4-1bit-cutout"
    "mcdonnell2018/cifar10/wrn-20-4-1bit-plain"
    "mcdonnell2018/cifar10/wrn-20-4-32bit"
    "mcdonnell2018/cifar10/wrn-20-4-32bit-cutout"
    "mcdonnell2018/cifar10/wrn-20-4-32bit-plain"
    "mcdonnell2018/cifar10/wrn-26-10-1bit"
    "mcdonnell2018/cifar10/wrn-26-10-1bit-cutout"
    "mcdonnell2018/cifar10/wrn-26-10-32bit"
    "mcdonnell2018/cifar10/wrn-26-10-32bit-cutout"
    "mcdonnell2018/cifar100/wrn-20-10-1bit"
    "mcdonnell2018/cifar100/wrn-20-10-1bit-cutout"
    "mcdonnell2018/cifar100/wrn-20-10-32bit"
    "mcdonnell2018/cifar100/wrn-20-10-32bit-cutout"
    "mcdonnell2018/cifar100/wrn-20-20-1bit"
    "mcdonnell2018/cifar100/wrn-20-20-32bit"
    "mcdonnell2018/cifar100/wrn-20-4-1bit"
    "mcdonnell2018/cifar100/wrn-20-4-1bit-cutout"
    "mcdonnell2018/cifar100/wrn-20-4-1bit-plain"
    "mcdonnell2018/cifar100/wrn-20-4-32bit"
    "mcdonnell2018/cifar100/wrn-20-4-32bit-cutout"
    "mcdonnell2018/cifar100/wrn-20-4-32bit-plain"
    "mcdonnell2018/cifar100/wrn-26-10-1bit"
    "mcdonnell2018/cifar100/wrn-26-10-1bit-cutout"
    "mcdonnell2018/cifar100/wrn-26-10-32bit"
    "mcdonnell2018/cifar100/wrn-26-10-32bit-cutout"
    "mcdonnell2018/imagenet/wrn-18-2.5-1bit"
    "mcdonnell2018/imagenet/wrn-18-2.5-32bit"
    "mcdonnell2018/imagenet32/wrn-20-10-1bit"
    "mcdonnell2018/imagenet32/wrn-20-10-32bit"
    "mcdonnell2018/imagenet32/wrn-26-10-1bit"
    "mcdonnell2018/mnist/wrn-20-4-1bit"
    "mcdonnell2018/mnist/wrn-20-4-32bit"
    "mcdonnell2018/svhn/wrn-20-4-1bit"
    "mcdonnell2018/svhn/wrn-20-4-32bit"
    "mcdonnell2018/wrn-20-10-base"
    "mcdonnell2018/wrn-20-20-base"
    "mcdonnell2018/wrn-20-4-base"
    "mcdonnell2018/wrn-26-10-base"
    "resnet/cifar10/base"
    "resnet/cifar10/resnet-20-1bit"
    "resnet/cifar10/resnet-20-1bit-all"
    "resnet/cifar10/resnet-20-32bit"
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
