//! Files that are damaged, foreign, missing or cannot be written.

use std::fs;
use std::path::PathBuf;

use crate::Place;

#[test]
fn a_damaged_or_foreign_checkpoint_is_refused_by_name() {
    let place = Place::new();
    place.given("run");
    let path = place.path("run/checkpoint.safetensors");
    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    let at = good.len() - 101;
    flipped[at] ^= 0x10;
    let plain = {
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&good).unwrap();
        assert!(metadata.metadata().is_some());
        let file = safetensors::SafeTensors::deserialize(&good).unwrap();
        safetensors::serialize(file.tensors(), None).unwrap()
    };
    for (bytes, word) in [
        (&good[..good.len() - 1000], "truncated"),
        (&good[..500], "truncated"),
        (&[], "truncated"),
        (&flipped, "altered"),
        (&plain, "plain file of weights"),
        (b"no checkpoint at all, some text", "no safetensors file"),
    ] {
        fs::write(&path, bytes).unwrap();
        for command in ["eval run", "eval run/checkpoint.safetensors", "train run --resume --set steps=29"] {
            place.run(command).refused(&["run/checkpoint.safetensors", word]);
            assert_eq!(fs::read(&path).unwrap(), bytes, "it is left alone");
        }
    }
    fs::write(&path, good).unwrap();
    place.run("eval run --distort none").ok();
}

/// Runs the program where no file may grow beyond `blocks` of 512 or 1,024 bytes, depending on the shell.
#[cfg(unix)]
pub fn limited(place: &Place, blocks: usize, args: &str) -> crate::Ran {
    crate::Ran::of(limit(place, blocks, args).output().expect("sh"))
}

#[cfg(unix)]
pub fn limit(place: &Place, blocks: usize, args: &str) -> std::process::Command {
    let program = place.command(args);
    let mut shell = std::process::Command::new("sh");
    place.settle(&mut shell);
    shell.args(["-c", &format!("ulimit -f {blocks} && trap '' XFSZ && exec \"$0\" \"$@\"")]);
    shell.arg(program.get_program()).args(program.get_args());
    shell
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_the_training_and_leaves_the_checkpoint() {
    let place = Place::new();
    place.trained("run", "--set steps=10");
    let before = fs::read(place.path("run/checkpoint.safetensors")).unwrap();
    assert!(before.len() > 16 << 10, "the limit below is less");
    let ran = limited(&place, 16, "train run --resume --set steps=20");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    ran.refused(&["run/checkpoint.safetensors", "could not be written"]);
    assert_eq!(fs::read(place.path("run/checkpoint.safetensors")).unwrap(), before);
    assert_eq!(fs::read_dir(place.path("run")).unwrap().count(), 3, "no temporary file stays");
    // With room again it goes on.
    place.run("train run --resume --set steps=20").ok();
    place.given("whole");
    place.assert_same("run", "whole");
    limited(&place, 1, "train demo/digits --out new --set steps=3").refused(&["new/run.json"]);
    limited(&place, 1, "distort run/checkpoint.safetensors --with sign -o out.safetensors")
        .refused(&["out.safetensors"]);
    assert!(!place.path("out.safetensors").exists());
}

/// CIFAR-10 in its binary layout, three black images a file; returns the folder.
pub fn cifar10(place: &Place) -> PathBuf {
    let folder = place.path("data/cifar-10-batches-bin");
    fs::create_dir_all(&folder).unwrap();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        fs::write(folder.join(format!("{name}.bin")), vec![0; 3 * 3073]).unwrap();
    }
    folder
}

#[test]
fn a_missing_truncated_or_damaged_data_file_is_named() {
    let place = Place::new();
    let folder = cifar10(&place);
    let train = || place.run("train merolla2016/cifar10/tr-sign-c --data data --out run");
    let file = folder.join("data_batch_3.bin");
    fs::write(&file, vec![0; 3 * 3073 - 1]).unwrap();
    train().refused(&["cifar-10-batches-bin/data_batch_3.bin", "truncated"]);
    let mut labels = vec![0; 3 * 3073];
    labels[3073] = 10;
    fs::write(&file, labels).unwrap();
    train().refused(&["cifar-10-batches-bin/data_batch_3.bin", "image 1 has label 10"]);
    fs::remove_file(&file).unwrap();
    train().refused(&["cifar-10-batches-bin/data_batch_3.bin", "missing", "data fetch cifar10"]);
    assert!(!place.path("run").exists(), "nothing is begun");
}

#[test]
fn verify_names_the_files_that_are_missing_or_differ() {
    let place = Place::new();
    let folder = cifar10(&place);
    fs::remove_file(folder.join("test_batch.bin")).unwrap();
    place.run("data verify cifar10 --data data").refused(&["data_batch_1.bin differs", "test_batch.bin is missing"]);
    assert!(place.run("data verify digits").ok().starts_with("ok "));
    place.run("data verify digitz").refused(&["\"digits\""]);
}

/// The driver's compiled pipelines are kept in the cache folder where the driver can give them; whatever becomes of that
/// file, the results are the same.
#[test]
fn a_damaged_or_unwritable_cache_of_pipelines_changes_nothing() {
    let place = Place::new();
    place.trained("first", "--set steps=5");
    let kept = || -> Vec<PathBuf> {
        let files = fs::read_dir(place.path("")).unwrap().map(|e| e.unwrap().path());
        files.filter(|p| p.extension().is_some_and(|e| e == "pipelines")).collect()
    };
    let files = kept();
    assert!(files.len() <= 1, "{files:?}");
    for (round, file) in files.iter().cycle().take(4 * files.len()).enumerate() {
        let good = fs::read(file).unwrap();
        match round {
            0 => fs::write(file, &good[..good.len() - 1]).unwrap(),
            1 => fs::write(file, "no pipelines at all, and no digest of them either").unwrap(),
            2 => fs::write(file, "").unwrap(),
            _ => {
                // A folder stands where the file should be.
                fs::remove_file(file).unwrap();
                fs::create_dir(file).unwrap();
            }
        }
        let name = format!("again{round}");
        let ran = place.train(&name, "--set steps=5");
        assert_eq!(ran.err.contains("is damaged"), round < 3, "{}", ran.err);
        ran.ok();
        place.assert_same_tensors("first", &name);
    }
    files.iter().for_each(|f| fs::remove_dir(f).unwrap());
    place.trained("without", "--set steps=5 --no-pipeline-cache");
    assert_eq!(kept(), Vec::<PathBuf>::new(), "it is left alone");
    place.assert_same_tensors("first", "without");
}
