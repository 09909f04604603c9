//! The shapes that every pass of a convolution is tested with.

use super::Geometry;
use crate::error::Result;
use crate::kernels::case::{Case, CaseBuilder};

/// The cases of one kernel: `build` records it for a shape.
pub(super) fn cases(build: fn(&mut CaseBuilder, &Geometry) -> Result<()>) -> Vec<Case> {
    let base = Geometry { h: 6, w: 5, kernel: [3, 3], pad: [1, 1], ..Geometry::linear(2, 3, 4) };
    // As TensorFlow pads: nothing or less above and to the left.
    let below = Geometry { h: 8, w: 8, stride: [2, 2], pad: [0, 0], extra: [1, 1], ..base };
    let shapes = [
        ("3x3 pad 1, first layer", Geometry { c_out: 16, ..base }),
        ("3x3 pad 1, 16 to 32", Geometry { n: 16, h: 8, w: 8, c_in: 16, c_out: 32, ..base }),
        ("3x3 pad 1, 8 to 36", Geometry { c_in: 8, c_out: 36, ..base }),
        ("3x3 pad 1, lines of 32", Geometry { n: 3, h: 5, w: 32, c_in: 8, c_out: 20, ..base }),
        (
            "5x3 pad 3x1, 2 groups, lines of 64",
            Geometry { n: 1, w: 64, kernel: [5, 3], pad: [3, 1], c_in: 24, c_out: 8, groups: 2, ..base },
        ),
        (
            "1x3 pad 0x1, lines of 16",
            Geometry { h: 3, w: 16, kernel: [1, 3], pad: [0, 1], c_in: 12, c_out: 40, ..base },
        ),
        ("odd channels", Geometry { c_in: 5, c_out: 7, ..base }),
        ("1x1", Geometry { kernel: [1, 1], pad: [0, 0], c_in: 8, c_out: 12, ..base }),
        (
            "5x5 stride 2 pad 2",
            Geometry { kernel: [5, 5], stride: [2, 2], pad: [2, 2], h: 9, w: 8, c_in: 4, c_out: 8, ..base },
        ),
        (
            "11x11 stride 4",
            Geometry { n: 1, kernel: [11, 11], stride: [4, 4], pad: [0, 0], h: 23, w: 19, c_out: 8, ..base },
        ),
        ("3x3 stride 2 pad 1", Geometry { stride: [2, 2], h: 8, w: 8, c_in: 4, c_out: 8, ..base }),
        ("2x3 stride 2x1 pad 0x2", Geometry { kernel: [2, 3], stride: [2, 1], pad: [0, 2], c_in: 4, ..base }),
        ("stride beyond the kernel", Geometry { kernel: [1, 1], stride: [3, 2], pad: [0, 0], c_in: 4, ..base }),
        ("pad beyond the image", Geometry { h: 2, w: 1, pad: [2, 2], c_in: 4, ..base }),
        ("pad below and to the right, stride 2, first layer", Geometry { c_out: 16, ..below }),
        ("pad below and to the right, stride 2, 8 to 36", Geometry { n: 3, c_in: 8, c_out: 36, ..below }),
        ("pad below, stride 2, odd width", Geometry { w: 7, pad: [0, 1], extra: [1, 0], c_in: 12, c_out: 20, ..below }),
        (
            "2x4 pad 0x1 and one more, stride 1x3",
            Geometry { kernel: [2, 4], stride: [1, 3], pad: [0, 1], c_in: 4, c_out: 8, ..below },
        ),
        ("pad below and to the right, stride 2, 2 groups", Geometry { c_in: 8, c_out: 16, groups: 2, ..below }),
        ("pad below and to the right, stride 2, depthwise", Geometry { c_in: 8, c_out: 8, groups: 8, ..below }),
        ("2 groups", Geometry { c_in: 4, c_out: 6, groups: 2, ..base }),
        ("2 groups of 5 to 7", Geometry { c_in: 10, c_out: 14, groups: 2, ..base }),
        (
            "2 groups of 3 to 8, stride 2",
            Geometry { h: 8, w: 8, stride: [2, 2], c_in: 6, c_out: 16, groups: 2, ..base },
        ),
        ("2 groups of 8 to 36, stride 2x1", Geometry { stride: [2, 1], c_in: 16, c_out: 72, groups: 2, ..base }),
        ("3 groups of 4 to 40", Geometry { c_in: 12, c_out: 120, groups: 3, ..base }),
        ("3 groups of 40 to 4, 1x1", Geometry { kernel: [1, 1], pad: [0, 0], c_in: 120, c_out: 12, groups: 3, ..base }),
        ("2 groups of 3 to 5, 1x1", Geometry { kernel: [1, 1], pad: [0, 0], c_in: 6, c_out: 10, groups: 2, ..base }),
        (
            "2 groups of 24 to 40, 5x3, stride 2x1",
            Geometry { n: 3, w: 7, c_in: 48, c_out: 80, groups: 2, kernel: [5, 3], stride: [2, 1], ..base },
        ),
        ("32 groups of 4 to 4", Geometry { n: 1, c_in: 128, c_out: 128, groups: 32, ..base }),
        ("3x3 pad 1, 2 groups of 32 to 64", Geometry { n: 16, h: 8, w: 8, c_in: 64, c_out: 128, groups: 2, ..base }),
        ("depthwise", Geometry { c_in: 4, c_out: 4, groups: 4, ..base }),
        (
            "depthwise, stride 2",
            Geometry { c_in: 36, c_out: 36, groups: 36, kernel: [3, 5], stride: [2, 2], pad: [1, 2], ..base },
        ),
        ("depthwise, 2 for each", Geometry { c_in: 20, c_out: 40, groups: 20, kernel: [5, 3], pad: [2, 1], ..base }),
        ("linear 64 to 40", Geometry::linear(17, 64, 40)),
        ("linear 20 to 10", Geometry::linear(5, 20, 10)),
        ("one of everything", Geometry::linear(1, 1, 1)),
        ("tiles and a bit", Geometry { n: 1, h: 13, w: 11, c_in: 12, c_out: 132, ..base }),
        ("wide inputs", Geometry { n: 1, h: 13, w: 11, c_in: 132, c_out: 12, ..base }),
        (
            "3x3 stride 2, classes of 182 pixels",
            Geometry { n: 1, stride: [2, 2], h: 27, w: 25, c_in: 4, c_out: 8, ..base },
        ),
        ("3x3 pad 1, 64 to 40", Geometry { w: 7, c_in: 64, c_out: 40, ..base }),
        ("3x3 pad 1, 32 to 48", Geometry { n: 16, h: 8, w: 8, c_in: 32, c_out: 48, ..base }),
        ("many pixels", Geometry { n: 3, h: 40, w: 40, c_in: 4, c_out: 4, ..base }),
    ];
    let mut all = vec![];
    for (name, g) in shapes {
        // The largest sum, 4800 products of magnitude 16, is far below 2^24: exact in f32.
        let exact = Case::exact(format!("{name}, integers"), move |c| build(c, &g));
        all.push(if name == "tiles and a bit" { exact.every_knob() } else { exact });
        all.push(Case::new(name, move |c| build(c, &g)));
        if ["3x3 pad 1, 8 to 36", "tiles and a bit"].contains(&name) {
            let signs = move |c: &mut CaseBuilder| {
                c.b.target.ternary = true;
                build(c, &g)
            };
            all.push(Case::exact(format!("{name}, signs, integers"), signs));
            all.push(Case::new(format!("{name}, signs"), signs));
        }
    }
    all.push(Case::exact("windows, integers", move |c| {
        c.b.target.adapter.limits.max_binding = 8192;
        build(c, &Geometry { n: 24, h: 4, w: 4, c_in: 4, c_out: 16, ..base })
    }));
    // What is bound fits, but no array of the batch transformed: Winograd's algorithm works in parts.
    all.push(Case::new("parts", move |c| {
        c.b.target.adapter.limits.max_binding = 250 << 10;
        build(c, &Geometry { n: 6, h: 7, w: 8, c_in: 48, c_out: 48, ..base })
    }));
    all
}
