//! The twin of training crops: what resampling leaves alone, whose flips it takes, and how far colours are jittered.

use weightproof::cpu::Runner;
use weightproof::data::Colors;
use weightproof::data::crops::{Draws, Stretch};
use weightproof::kernels::augment::{self, Augment, Frames, frame_words};
use weightproof::plan::{Builder, Elem, Role, Step, Target};

/// Images of a batch.
const BATCH: usize = 4096;
/// Rows and columns.
const SIDES: [usize; 2] = [3, 2];
/// Values of an image of three channels.
const FEATURES: usize = 18;

/// What multiplies bytes, and what is added then, for each channel.
const AFFINE: [f64; 6] = [1.0, 2.0, 0.5, -10.0, 0.0, 3.0];
/// Components that are not at right angles to one another, so that none is taken for another.
const COMPONENTS: [[f64; 3]; 3] = [[3.0, 1.0, 0.0], [0.0, -2.0, 0.5], [1.0, 0.0, 4.0]];

/// The frame of a rectangle.
fn frame(sides: [usize; 2], bytes: &[u8], words: usize) -> Vec<u32> {
    let fours = bytes.chunks(4).map(|four| four.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)));
    let mut frame: Vec<u32> = std::iter::once((sides[0] | sides[1] << 16) as u32).chain(fours).collect();
    frame.resize(words, 0);
    frame
}

/// A batch of one rectangle again and again, as images.
fn run(augment: &Augment, sides: [usize; 2], bytes: &[u8], step: &Step) -> Vec<f64> {
    let mut b = Builder::new("test", Target::baseline());
    let words = frame_words(sides, 3);
    let frames = b.buffer("frames", Elem::U32, &[BATCH, words], Role::Input);
    let affine = b.buffer("affine", Elem::F32, &[2, 3], Role::Input);
    let components = augment.color.map(|_| b.buffer("components", Elem::F32, &[3, 3], Role::Input));
    let y = b.buffer("y", Elem::F32, &[BATCH, SIDES[0], SIDES[1], 3], Role::Output);
    let from = Frames { frames, affine, components };
    augment::resample(&mut b, "augment", augment, [SIDES[0], SIDES[1], 3], &from, y, None).unwrap();
    let mut runner = Runner::new(b.finish().unwrap());
    runner.write_u32("frames", &frame(sides, bytes, words).repeat(BATCH));
    runner.write("affine", &AFFINE);
    if components.is_some() {
        runner.write("components", COMPONENTS.as_flattened());
    }
    runner.run(step);
    runner.read("y").to_vec()
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 37 % 256) as u8).collect()
}

fn scaled(bytes: &[u8]) -> Vec<f64> {
    bytes.iter().enumerate().map(|(i, byte)| f64::from(*byte) * AFFINE[i % 3] + AFFINE[3 + i % 3]).collect()
}

#[test]
fn a_rectangle_of_the_size_of_an_image_stays_as_it_is() {
    let bytes = bytes(FEATURES);
    let y = run(&Augment { stretch: Some(0.1), ..Augment::default() }, SIDES, &bytes, &Step::at(5, 0));
    assert!(y.chunks_exact(FEATURES).all(|image| image == scaled(&bytes)));
}

#[test]
fn a_larger_rectangle_is_sampled_between_its_pixels_and_a_smaller_one_up_to_its_edge() {
    let plain = Augment { stretch: Some(0.1), ..Augment::default() };
    // Twice the size: from the middle of four pixels each.
    let large = bytes(4 * FEATURES);
    let y = run(&plain, [6, 4], &large, &Step::at(5, 0));
    let large = scaled(&large);
    for (i, got) in y.iter().take(FEATURES).enumerate() {
        let (row, column, channel) = (i / 6, i / 3 % 2, i % 3);
        let at = |down: usize, across: usize| large[((2 * row + down) * 4 + 2 * column + across) * 3 + channel];
        let want = (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4.0;
        assert!((got - want).abs() < 1e-12, "{i}: {got} {want}");
    }
    // One column for two: the same twice. Two rows for three: the first, the middle, the last.
    let small = bytes(6);
    let y = run(&plain, [2, 1], &small, &Step::at(5, 0));
    let small = scaled(&small);
    for (i, got) in y.iter().take(FEATURES).enumerate() {
        let (row, channel) = (i / 6, i % 3);
        // (row + 0.5) 2/3 - 0.5 = -1/6, 1/2, 7/6.
        let want = small[channel] + [0.0, 0.5, 1.0][row] * (small[3 + channel] - small[channel]);
        assert!((got - want).abs() < 1e-12, "{i}: {got} {want}");
    }
}

#[test]
fn flips_are_those_of_images_that_are_not_resampled() {
    let half = Augment { flip: Some(0.5), stretch: Some(0.1), ..Augment::default() };
    let step = Step::at(5, 1);
    let bytes = bytes(FEATURES);
    let y = run(&half, SIDES, &bytes, &step);
    let mut b = Builder::new("test", Target::baseline());
    let shape = [BATCH, SIDES[0], SIDES[1], 3];
    let [x, z] = [("x", Role::Input), ("z", Role::Output)].map(|(name, role)| b.buffer(name, Elem::F32, &shape, role));
    augment::apply(&mut b, "augment", &half, [SIDES[0], SIDES[1], 3], [x, z], None).unwrap();
    let mut runner = Runner::new(b.finish().unwrap());
    runner.write("x", &scaled(&bytes).repeat(BATCH));
    runner.run(&step);
    assert_eq!(y, runner.read("z"));
}

#[test]
fn colours_move_along_the_components_by_normal_numbers_and_alike_in_all_of_an_image() {
    let jitter = Augment { stretch: Some(0.1), color: Some(0.1), ..Augment::default() };
    let bytes = bytes(FEATURES);
    let y = run(&jitter, SIDES, &bytes, &Step::at(5, 2));
    let plain = scaled(&bytes);
    let moves: Vec<[f64; 3]> = y
        .chunks_exact(FEATURES)
        .map(|image| {
            let by = |i: usize| image[i] - plain[i];
            assert!((0..FEATURES).all(|i| (by(i) - by(i % 3)).abs() < 1e-9));
            [0, 1, 2].map(by)
        })
        .collect();
    let n = BATCH as f64;
    let covariance = |i: usize, j: usize| (0..3).map(|k| COMPONENTS[k][i] * COMPONENTS[k][j]).sum::<f64>();
    for i in 0..3 {
        // Five standard deviations: one false alarm in two million.
        let mean = moves.iter().map(|m| m[i]).sum::<f64>() / n;
        assert!(mean.abs() < 5.0 * (covariance(i, i) / n).sqrt(), "channel {i}: {mean}");
        for j in 0..3 {
            let got = moves.iter().map(|m| m[i] * m[j]).sum::<f64>() / n;
            // Of normal numbers: var(xy) = C_ii C_jj + C_ij^2.
            let deviation = ((covariance(i, i) * covariance(j, j) + covariance(i, j).powi(2)) / n).sqrt();
            assert!((got - covariance(i, j)).abs() < 5.0 * deviation, "channels {i}, {j}: {got} {}", covariance(i, j));
        }
    }
    // Another step, another seed: other colours.
    for step in [Step::at(5, 3), Step::at(6, 2)] {
        assert_ne!(run(&jitter, SIDES, &bytes, &step), y);
    }
}

/// Rows and columns of the pictures of the reference, and of the crops that it takes.
const PICTURE: [usize; 2] = [12, 15];
const CROP: [usize; 2] = [10, 10];

/// Byte of a picture of the reference.
fn reference_byte(image: usize, [y, x, c]: [usize; 3]) -> u8 {
    ((37 * y * y + 91 * x * y + 53 * x + 11 * x * x + 29 * c * (y + 1) + 77 * image) % 256) as u8
}

#[test]
fn training_crops_are_those_of_pytorch() {
    #[derive(serde::Deserialize)]
    struct Reference {
        rectangle: [usize; 4],
        image: Vec<f64>,
    }
    let text = include_str!("../reference/crops.json");
    let reference: Vec<Reference> = serde_json::from_str(text).unwrap();
    let (seed, step) = (0x0123_4567_89AB_CDEF, 0x1_0000_0007);
    let augment = Augment { flip: Some(0.5), stretch: Some(0.1), color: Some(0.1), ..Augment::default() };
    let stretch = Stretch { amount: 0.1, largest: augment::largest(0.1, CROP) };
    let mut frames = vec![];
    for (place, wanted) in reference.iter().enumerate() {
        let r = stretch.rectangle(CROP, PICTURE, Draws { seed, step }.of(place));
        assert_eq!([r.top, r.left, r.height, r.width], wanted.rectangle, "image {place}");
        let pixels = (r.top..r.top + r.height).flat_map(|y| (r.left..r.left + r.width).map(move |x| [y, x]));
        let values = pixels.flat_map(|[y, x]| [0, 1, 2].map(|c| reference_byte(place, [y, x, c])));
        frames.extend(frame([r.height, r.width], &values.collect::<Vec<_>>(), frame_words(stretch.largest, 3)));
    }
    let colors = Colors::ilsvrc();
    let mut b = Builder::new("test", Target::baseline());
    let shape = [reference.len(), CROP[0], CROP[1], 3];
    let buffer = |b: &mut Builder, name: &str, shape: &[usize]| b.buffer(name, Elem::F32, shape, Role::Input);
    let words = b.buffer("frames", Elem::U32, &[frames.len()], Role::Input);
    let (affine, components) = (buffer(&mut b, "affine", &[2, 3]), buffer(&mut b, "components", &[3, 3]));
    let y = b.buffer("y", Elem::F32, &shape, Role::Output);
    let from = Frames { frames: words, affine, components: Some(components) };
    augment::resample(&mut b, "augment", &augment, [CROP[0], CROP[1], 3], &from, y, None).unwrap();
    let mut runner = Runner::new(b.finish().unwrap());
    runner.write_u32("frames", &frames);
    runner.write("affine", &[[1.0; 3], colors.mean.map(|mean| -mean)].concat());
    runner.write("components", &colors.components.as_flattened().iter().map(|v| 0.1 * v).collect::<Vec<_>>());
    runner.run(&Step::at(seed, step));
    let wanted = reference.iter().flat_map(|reference| &reference.image);
    for (i, (got, wanted)) in runner.read("y").iter().zip(wanted).enumerate() {
        // The reference has four digits behind the point, and its normal numbers are exact: ours to 1e-5, times up to 0.1 * 255 * sqrt(0.2175).
        assert!((got - wanted).abs() < 3e-4, "value {i}: {got} {wanted}");
    }
}
