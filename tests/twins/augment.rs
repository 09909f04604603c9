//! The twin of augmentation: how often, where, and what nothing changes.

use weightproof::cpu::Runner;
use weightproof::kernels::augment::{Augment, apply};
use weightproof::plan::{Builder, Elem, Role, Step, Target};

/// Images of a batch.
const BATCH: usize = 4096;
/// Rows, columns, channels: all different.
const SHAPE: [usize; 3] = [6, 5, 2];
const FEATURES: usize = 60;
/// What a byte may be.
const VALUES: usize = 17;

/// A batch of one image again and again, whose values are 1000 and their place, augmented; filled pixels are whole numbers
/// below `VALUES`, or 0.
fn run(augment: &Augment, at_random: bool, limit: usize, step: &Step) -> Vec<f64> {
    let mut target = Target::baseline();
    target.adapter.limits.max_binding = limit;
    let mut b = Builder::new("test", target);
    let shape = [BATCH, SHAPE[0], SHAPE[1], SHAPE[2]];
    let x = b.buffer("x", Elem::F32, &shape, Role::Input);
    let y = b.buffer("y", Elem::F32, &shape, Role::Output);
    let random = at_random.then(|| (b.buffer("levels", Elem::F32, &[256], Role::Input), VALUES));
    apply(&mut b, "augment", augment, SHAPE, [x, y], random).unwrap();
    let mut runner = Runner::new(b.finish().unwrap());
    let image = (0..FEATURES).map(|i| 1000.0 + i as f64);
    runner.write("x", &image.cycle().take(BATCH * FEATURES).collect::<Vec<_>>());
    if at_random {
        runner.write("levels", &(0..256).map(f64::from).collect::<Vec<_>>());
    }
    runner.run(step);
    runner.read("y").to_vec()
}

const WHOLE: usize = 1 << 27;

/// How far `counts` are from equal shares: chi squared with `counts.len() - 1` degrees of freedom.
fn chi_squared(counts: &[usize]) -> f64 {
    let share = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    counts.iter().map(|n| (*n as f64 - share).powi(2) / share).sum()
}

/// The place in the image that stands at the place `at` of an augmented one; none where it is filled.
fn place(image: &[f64], at: usize) -> Option<usize> {
    (image[at] >= 1000.0).then(|| image[at] as usize - 1000)
}

#[test]
fn every_third_image_is_mirrored_whole() {
    let third = Augment { flip: Some(1.0 / 3.0), ..Augment::default() };
    let mut mirrored = 0;
    for image in run(&third, false, WHOLE, &Step::at(5, 0)).chunks_exact(FEATURES) {
        let flipped = place(image, 0) != Some(0);
        mirrored += usize::from(flipped);
        for i in 0..FEATURES {
            let (row, column, channel) = (i / 10, i / 2 % 5, i % 2);
            let from = if flipped { (row * 5 + 4 - column) * 2 + channel } else { i };
            assert_eq!(place(image, i), Some(from));
        }
    }
    // Five standard deviations: one false alarm in two million.
    assert!((mirrored as f64 - 4096.0 / 3.0).abs() < 5.0 * (4096.0f64 * 2.0 / 9.0).sqrt(), "{mirrored}");
}

#[test]
fn a_crop_comes_from_every_place_of_the_padded_image_alike() {
    let padded = Augment { crop: Some(2.0), ..Augment::default() };
    let mut places = [0; 25];
    for image in run(&padded, false, WHOLE, &Step::at(5, 1)).chunks_exact(FEATURES) {
        // A pixel in the middle always comes from the image: it says by how much that moved.
        let from = place(image, (2 * 5 + 2) * 2).expect("inside") / 2;
        let (down, right) = ((from / 5) as i64 - 2, (from % 5) as i64 - 2);
        places[((down + 2) * 5 + right + 2) as usize] += 1;
        for i in 0..FEATURES {
            let (row, column) = ((i / 10) as i64 + down, (i / 2 % 5) as i64 + right);
            let inside = (0..6).contains(&row) && (0..5).contains(&column);
            let want = inside.then(|| ((row * 5 + column) * 2) as usize + i % 2);
            assert_eq!(place(image, i), want);
            assert!(inside || image[i] == 0.0);
        }
    }
    // 24 degrees of freedom: beyond 70 once in 500,000 tries.
    assert!(chi_squared(&places) < 70.0, "{places:?}");
}

#[test]
fn a_square_is_cut_out_around_every_pixel_alike() {
    let cut = Augment { cutout: Some(3.0), ..Augment::default() };
    let mut centres = [0; 30];
    for image in run(&cut, false, WHOLE, &Step::at(5, 3)).chunks_exact(FEATURES) {
        let filled: Vec<usize> = (0..30).filter(|at| place(image, 2 * at).is_none()).collect();
        let hidden = |row: i64, column: i64| {
            let near = |at: &usize| (*at as i64 / 5 - row).abs() <= 1 && (*at as i64 % 5 - column).abs() <= 1;
            (0..30).filter(near).collect::<Vec<usize>>()
        };
        // The part of a square that lies in the image tells where its centre is.
        let centre =
            (0..30).find(|at| hidden(at / 5, at % 5) == filled).expect("a square with its centre in the image");
        centres[centre as usize] += 1;
        assert!((0..FEATURES).all(|i| match filled.contains(&(i / 2)) {
            true => image[i] == 0.0,
            false => place(image, i) == Some(i),
        }));
    }
    // 29 degrees of freedom: beyond 78 once in 500,000 tries.
    assert!(chi_squared(&centres) < 78.0, "{centres:?}");
}

#[test]
fn what_is_filled_takes_every_value_of_a_byte_alike_and_differs_from_channel_to_channel() {
    let padded = Augment { crop: Some(4.0), ..Augment::default() };
    let mut seen = [0; VALUES];
    let (mut filled, mut equal) = (0, 0);
    for pixel in run(&padded, true, WHOLE, &Step::at(5, 2)).chunks_exact(2).filter(|pixel| pixel[0] < 1000.0) {
        pixel.iter().for_each(|v| seen[*v as usize] += 1);
        (filled, equal) = (filled + 1, equal + usize::from(pixel[0] == pixel[1]));
    }
    // 16 degrees of freedom: beyond 58 once in a million tries; five standard deviations: one false alarm in two million.
    assert!(chi_squared(&seen) < 58.0, "{seen:?}");
    let (n, p) = (f64::from(filled), 1.0 / VALUES as f64);
    assert!((f64::from(equal as u32) - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt(), "{equal} of {filled}");
}

#[test]
fn windows_change_no_image_and_seed_step_and_place_in_the_batch_change_all() {
    let all = Augment { flip: Some(0.5), crop: Some(2.0), ..Augment::default() };
    let whole = run(&all, true, WHOLE, &Step::at(5, 0));
    assert_eq!(whole, run(&all, true, 64 << 10, &Step::at(5, 0)));
    for step in [Step::at(5, 1), Step::at(6, 0), Step::at(5, 1 << 32), Step::at(5 | 1 << 32, 0)] {
        assert_ne!(whole, run(&all, true, WHOLE, &step));
    }
    assert_ne!(whole[..40 * FEATURES], whole[40 * FEATURES..80 * FEATURES]);
    // The draws of one say nothing of another's.
    let only = |augment: Augment| run(&augment, false, WHOLE, &Step::at(5, 0));
    let mirrored = only(Augment { flip: Some(0.5), ..Augment::default() });
    let moved = only(Augment { crop: Some(2.0), ..Augment::default() });
    let both = only(all);
    let counts = [[&mirrored, &both], [&moved, &both]].map(|pair| {
        pair.map(|y| y.chunks_exact(FEATURES).map(|image| place(image, 24).expect("inside")).collect::<Vec<_>>())
    });
    // The pixel in the middle of a row stays there when it is mirrored, so that only its row tells of the crop.
    let rows = |v: &[usize]| v.iter().map(|at| at / 10).collect::<Vec<_>>();
    assert_eq!(rows(&counts[1][0]), rows(&counts[1][1]));
    assert!(rows(&counts[0][0]).iter().all(|row| *row == 2));
}
