//! Checkpoints: nothing that was saved is lost, nothing that was damaged is believed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use weightproof::model::preset::Preset;
use weightproof::weights::checkpoint::{self, Checkpoint, Stored, key};
use weightproof::weights::packed::pack;

fn small() -> Checkpoint {
    let tensor = |shape: &[usize], first: f32| {
        let n = shape.iter().product::<usize>();
        Stored { shape: shape.to_vec(), data: (0..n).map(|i| first + i as f32).collect() }
    };
    let tensors = [
        ("conv1.weight", tensor(&[2, 1, 1, 3], -1.5)),
        ("optimizer.conv1.weight.m", tensor(&[2, 1, 1, 3], f32::MIN_POSITIVE)),
        ("bn1.weight", tensor(&[2], f32::INFINITY)),
        ("empty", tensor(&[0, 3], 0.0)),
        ("scalar", tensor(&[], -0.0)),
    ];
    let meta = [
        (key::PRESET, Preset::load("demo/digits", &[]).unwrap().to_toml()),
        (key::STEP, "1234".into()),
        (key::ADAPTER, "llvmpipe \"é\" \u{1f}".into()),
    ];
    Checkpoint {
        tensors: tensors.map(|(n, t)| (n.to_string(), t)).into(),
        meta: meta.map(|(k, v): (&str, String)| (k.to_string(), v)).into(),
        ..Checkpoint::default()
    }
}

/// One with weights of one bit and of two.
fn with_bits() -> Checkpoint {
    let mut checkpoint = small();
    for (name, weights) in
        [("conv2.weight", [0.5, -0.5, 0.5, -1.0, -1.0, 1.0]), ("fc1.weight", [0., 2., -2., 2., 0., 0.])]
    {
        let packed = pack(&[2, 3], &weights).unwrap();
        checkpoint.packed.insert(name.into(), packed);
        checkpoint.tensors.insert(name.into(), Stored { shape: vec![2, 3], data: weights.to_vec() });
    }
    checkpoint
}

fn saved(checkpoint: &Checkpoint) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    checkpoint::save(&path, checkpoint).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    fs::read(path).unwrap()
}

/// Loads from memory: thousands of files would take their time.
fn load(bytes: &[u8]) -> Result<Checkpoint, String> {
    checkpoint::read(&mut &*bytes, bytes.len() as u64, Path::new("c.safetensors")).map_err(|e| {
        let e = e.to_string();
        assert!(e.starts_with("c.safetensors: "), "\"{e}\" does not name the file");
        e
    })
}

#[test]
fn a_checkpoint_comes_back_as_it_was_saved() {
    let mut checkpoint = small();
    // More than one chunk, with NaNs of various bits.
    let data: Vec<f32> = (0..40_001u32).map(|i| f32::from_bits(i.wrapping_mul(0x9E37_79B9))).collect();
    checkpoint.tensors.insert("fc1.weight".into(), Stored { shape: vec![40_001], data });
    let got = load(&saved(&checkpoint)).unwrap();
    assert_eq!(got.meta, checkpoint.meta);
    let bits = |c: &Checkpoint| -> BTreeMap<String, (Vec<usize>, Vec<u32>)> {
        let bits = |t: &Stored| (t.shape.clone(), t.data.iter().map(|x| x.to_bits()).collect());
        c.tensors.iter().map(|(n, t)| (n.clone(), bits(t))).collect()
    };
    assert_eq!(bits(&got), bits(&checkpoint));
    assert_eq!(saved(&got), saved(&checkpoint), "the same content gives the same bytes");
}

#[test]
fn packed_weights_stand_in_the_file_as_bits_and_come_back_as_numbers() {
    let (bytes, want) = (saved(&with_bits()), with_bits());
    let got = load(&bytes).unwrap();
    assert_eq!(got, want);
    assert_eq!(saved(&got), bytes, "the same content gives the same bytes");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |name: &str| file.tensor(name).map(|t| (t.dtype(), t.shape().to_vec(), t.data().to_vec()));
    assert_eq!(tensor("conv2.weight.bits").unwrap(), (Dtype::U8, vec![2, 1], vec![0b101, 0b100]));
    assert_eq!(tensor("fc1.weight.bits").unwrap(), (Dtype::U8, vec![2, 1], vec![0b01_11_00, 0b00_00_11]));
    assert_eq!(tensor("conv2.weight.scale").unwrap().1, [2]);
    assert_eq!(tensor("fc1.weight.scale").unwrap().2, 2f32.to_le_bytes());
    assert!(tensor("conv2.weight").is_err());

    // Whoever wants f32 gets it.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.wp1");
    fs::write(&path, &bytes).unwrap();
    let unpacked = checkpoint::unpacked(&path).unwrap();
    assert_eq!(load(&unpacked).unwrap().tensors, want.tensors);
    assert!(SafeTensors::deserialize(&unpacked).unwrap().tensor("fc1.weight").is_ok());
}

#[test]
fn any_reader_of_safetensors_reads_it() {
    let bytes = saved(&small());
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), 5);
    let weight = file.tensor("conv1.weight").unwrap();
    assert_eq!((weight.dtype(), weight.shape()), (Dtype::F32, &[2, 1, 1, 3][..]));
    assert_eq!(weight.data()[..8], [(-1.5f32).to_le_bytes(), (-0.5f32).to_le_bytes()].concat());
    let (header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert!(header % 8 == 0, "tensors start aligned");
    assert_eq!(metadata.metadata().as_ref().unwrap()["step"], "1234");
}

#[test]
fn every_truncation_is_refused() {
    for bytes in [small(), with_bits()].map(|c| saved(&c)) {
        for end in 0..bytes.len() {
            assert!(load(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
        }
        assert!(
            load(&[bytes.as_slice(), &[0]].concat()).is_err_and(|e| e.contains("too long") && !e.contains("truncated"))
        );
        assert!(load(&bytes).is_ok());
    }
}

#[test]
fn every_altered_byte_is_refused() {
    for mut want in [small(), with_bits()] {
        want.meta.insert(key::PRESET.into(), "short, for speed".into());
        let bytes = saved(&want);
        for i in 0..bytes.len() {
            for mask in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut altered = bytes.clone();
                altered[i] ^= mask;
                // Upper and lower case of the one hexadecimal digit in the escape \u001f mean the same character.
                let same_character = mask == 32 && bytes[..=i].ends_with(b"\\u001f");
                match load(&altered) {
                    Err(_) => {}
                    Ok(got) => assert!(same_character && got == want, "byte {i} ^ {mask}"),
                }
            }
        }
    }
}

#[test]
fn a_save_that_fails_leaves_the_old_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    checkpoint::save(&path, &small()).unwrap();
    let mut bad = small();
    bad.tensors.insert("bad".into(), Stored { shape: vec![3], data: vec![1.0] });
    let e = checkpoint::save(&path, &bad).unwrap_err().to_string();
    assert!(e.contains("c.safetensors") && e.contains("tensor bad of shape [3] has 1 elements"), "{e}");
    let reserved = Checkpoint { meta: [("sha256".to_string(), String::new())].into(), ..Checkpoint::default() };
    assert!(checkpoint::save(&path, &reserved).unwrap_err().to_string().contains("reserved"));
    assert_eq!(checkpoint::load(&path).unwrap(), small());
    let gone = dir.path().join("gone/c.safetensors");
    assert!(checkpoint::save(&gone, &small()).unwrap_err().to_string().contains(gone.to_str().unwrap()));
}

#[test]
fn what_a_checkpoint_lacks_is_named() {
    let c = small();
    assert_eq!(c.number::<u64>(key::STEP).unwrap(), 1234);
    assert!(c.number::<u64>(key::ADAPTER).unwrap_err().to_string().contains("not a number"));
    assert!(c.text(key::SEED).unwrap_err().to_string().contains("`seed`"));
    assert_eq!(Preset::from_toml(c.text(key::PRESET).unwrap()).unwrap().name, "digits");
}
