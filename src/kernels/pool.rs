//! The shape of a 2-D pooling, NHWC: what [`super::maxpool`] and [`super::avgpool`] share.

use super::case::{Case, CaseBuilder};
use crate::error::{Error, Result};
use crate::plan::{Params, Target, Value};

/// Shape of a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images.
    pub n: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Channels.
    pub c: usize,
    /// Window height and width.
    pub kernel: [usize; 2],
    /// Step in y and x.
    pub stride: [usize; 2],
    /// Rows above and columns to the left, and as many below and to the right, that the windows may cover.
    pub pad: [usize; 2],
    /// Whether a last window that reaches beyond the padded image counts (Caffe; PyTorch's `ceil_mode`): it does if it
    /// starts inside the image or the padding above or to the left.
    pub ceil: bool,
}

impl Geometry {
    /// One window over the whole image.
    pub fn global(n: usize, h: usize, w: usize, c: usize) -> Self {
        Geometry { n, h, w, c, kernel: [h, w], stride: [1, 1], pad: [0, 0], ceil: false }
    }

    fn out(&self, size: usize, axis: usize) -> usize {
        let (k, s, p) = (self.kernel[axis], self.stride[axis], self.pad[axis]);
        let room = size + 2 * p - k;
        if !self.ceil {
            return room / s + 1;
        }
        let last = room.div_ceil(s);
        if last * s < size + p { last + 1 } else { last }
    }

    /// Output height.
    pub fn oh(&self) -> usize {
        self.out(self.h, 0)
    }

    /// Output width.
    pub fn ow(&self) -> usize {
        self.out(self.w, 1)
    }

    /// Elements of one input image.
    pub fn x_len(&self) -> usize {
        self.h * self.w * self.c
    }

    /// Elements of one output image.
    pub fn y_len(&self) -> usize {
        self.oh() * self.ow() * self.c
    }

    /// Whether every pixel lies in exactly one window and every window inside the image.
    pub fn tiles(&self) -> bool {
        let whole = [self.oh() * self.kernel[0], self.ow() * self.kernel[1]] == [self.h, self.w];
        self.kernel == self.stride && self.pad == [0, 0] && whole
    }

    /// Refuses shapes that are no pooling.
    ///
    /// # Errors
    /// Zeros, a window larger than the padded image, padding beyond half a window (a window could miss the image).
    pub fn check(&self, scope: &str) -> Result<()> {
        let fail = |m: String| Err(Error::layer(scope, m));
        let [kh, kw] = self.kernel;
        let [ph, pw] = self.pad;
        if [self.n, self.h, self.w, self.c, kh, kw, self.stride[0], self.stride[1]].contains(&0) {
            return fail(format!("a size is zero in {self:?}"));
        }
        if kh > self.h + 2 * ph || kw > self.w + 2 * pw {
            return fail(format!("a {kh}x{kw} window does not fit a {}x{} input padded by {ph}x{pw}", self.h, self.w));
        }
        if 2 * ph > kh || 2 * pw > kw {
            return fail(format!("padding {ph}x{pw} exceeds half of the {kh}x{kw} window"));
        }
        Ok(())
    }

    /// The constants of a dispatch over `n` images.
    pub(super) fn params(&self, n: usize, include_pad: bool) -> Vec<(&'static str, Value)> {
        vec![
            ("n", n.into()),
            ("h", self.h.into()),
            ("w", self.w.into()),
            ("c", self.c.into()),
            ("oh", self.oh().into()),
            ("ow", self.ow().into()),
            ("kh", self.kernel[0].into()),
            ("kw", self.kernel[1].into()),
            ("stride_h", self.stride[0].into()),
            ("stride_w", self.stride[1].into()),
            ("pad_h", self.pad[0].into()),
            ("pad_w", self.pad[1].into()),
            ("include_pad", u32::from(include_pad).into()),
        ]
    }
}

/// Channels that the four-wide variants can run.
pub(super) fn vec4_channels(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    if p.u("c").is_multiple_of(4) { Ok(()) } else { Err("the channels are no multiple of 4") }
}

/// As [`vec4_channels`], and windows that [tile](Geometry::tiles) the image.
pub(super) fn vec4_tiles(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    vec4_channels(t, p)?;
    let apart = (p.u("kh"), p.u("kw")) == (p.u("stride_h"), p.u("stride_w"));
    let inside = p.u("oh") * p.u("kh") == p.u("h") && p.u("ow") * p.u("kw") == p.u("w");
    let padded = (p.u("pad_h"), p.u("pad_w")) != (0, 0);
    if apart && inside && !padded { Ok(()) } else { Err("the windows do not tile the image") }
}

/// Outputs of a dispatch.
pub(super) fn outputs(p: &Params) -> usize {
    p.u("n") * p.u("oh") * p.u("ow") * p.u("c")
}

/// Inputs of a dispatch.
pub(super) fn inputs(p: &Params) -> usize {
    p.u("n") * p.u("h") * p.u("w") * p.u("c")
}

/// Largest number of windows that hold one pixel.
pub(super) fn overlap(p: &Params) -> usize {
    p.u("kh").div_ceil(p.u("stride_h")) * p.u("kw").div_ceil(p.u("stride_w"))
}

/// Calls `f(index in x, index in y, position in the window)` for every pixel of every window, windows and positions in
/// row-major order.
pub(super) fn for_each(p: &Params, mut f: impl FnMut(usize, usize, usize)) {
    let c = p.u("c");
    for_each_pixel(p, |x, y, place| (0..c).for_each(|ch| f(x * c + ch, y * c + ch, place)));
}

/// The same for pixels of all channels: index of the pixel in x, of the window in y. Convolutions have windows, too.
pub(super) fn for_each_pixel(p: &Params, mut f: impl FnMut(usize, usize, usize)) {
    let (h, w, oh, ow) = (p.u("h"), p.u("w"), p.u("oh"), p.u("ow"));
    for n in 0..p.u("n") {
        for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
            for (ky, kx) in (0..p.u("kh")).flat_map(|y| (0..p.u("kw")).map(move |x| (y, x))) {
                let iy = (oy * p.u("stride_h") + ky).wrapping_sub(p.u("pad_h"));
                let ix = (ox * p.u("stride_w") + kx).wrapping_sub(p.u("pad_w"));
                if iy < h && ix < w {
                    f((n * h + iy) * w + ix, (n * oh + oy) * ow + ox, ky * p.u("kw") + kx);
                }
            }
        }
    }
}

/// The cases of every pooling, with integers and with general inputs; `prefix` begins their names.
pub(super) fn cases<B>(prefix: &str, build: B) -> Vec<Case>
where
    B: Fn(&mut CaseBuilder, &Geometry) -> Result<()> + Copy + Send + Sync + 'static,
{
    let base = Geometry { n: 2, h: 8, w: 6, c: 4, kernel: [2, 2], stride: [2, 2], pad: [0, 0], ceil: false };
    let shapes = [
        ("2x2 stride 2", base),
        ("2x2 stride 2, 3 channels", Geometry { c: 3, ..base }),
        ("2x2 stride 2, 64 channels", Geometry { h: 16, w: 16, c: 64, ..base }),
        ("3x3 stride 2 ceil, 32 to 16", Geometry { h: 32, w: 32, kernel: [3, 3], ceil: true, ..base }),
        ("3x3 stride 2 pad 1", Geometry { kernel: [3, 3], pad: [1, 1], ..base }),
        ("3x3 stride 2 pad 1 ceil", Geometry { h: 7, kernel: [3, 3], pad: [1, 1], ceil: true, ..base }),
        ("3x2 stride 1x3 pad 1x0", Geometry { kernel: [3, 2], stride: [1, 3], pad: [1, 0], c: 5, ..base }),
        ("4x4 stride 1 pad 2", Geometry { kernel: [4, 4], stride: [1, 1], pad: [2, 2], ..base }),
        ("stride beyond the window", Geometry { kernel: [1, 2], stride: [3, 3], ..base }),
        ("stride beyond the window, ceil", Geometry { w: 7, kernel: [2, 1], stride: [3, 4], ceil: true, ..base }),
        ("global", Geometry::global(3, 8, 8, 10)),
        ("window beyond the image", Geometry { h: 1, w: 2, kernel: [3, 4], pad: [1, 2], ..base }),
        ("one of everything", Geometry::global(1, 1, 1, 1)),
    ];
    let mut all = vec![];
    for (name, g) in shapes {
        // Means are exact only where all windows hold a power of two of pixels.
        let pixels = g.kernel[0] * g.kernel[1];
        if pixels.is_power_of_two() && g.pad == [0, 0] && !g.ceil {
            all.push(Case::exact(format!("{prefix}{name}, integers"), move |c| build(c, &g)));
        }
        all.push(Case::new(format!("{prefix}{name}"), move |c| build(c, &g)));
    }
    all.push(Case::exact(format!("{prefix}windows, integers"), move |c| {
        c.b.target.adapter.limits.max_binding = 4096;
        build(c, &Geometry { n: 6, ..base })
    }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_sizes_follow_pytorch() {
        let g = |size: usize, k: usize, s: usize, p: usize, ceil: bool| {
            Geometry { n: 1, h: size, w: size, c: 1, kernel: [k, k], stride: [s, s], pad: [p, p], ceil }.oh()
        };
        assert_eq!(g(32, 3, 2, 0, false), 15);
        assert_eq!(g(32, 3, 2, 0, true), 16);
        assert_eq!(g(16, 3, 2, 1, false), 8);
        assert_eq!(g(16, 3, 2, 1, true), 9);
        assert_eq!(g(55, 3, 2, 0, true), 27);
        assert_eq!(g(4, 1, 3, 0, true), 2);
        // The window that would start behind the image is dropped.
        assert_eq!(g(5, 2, 3, 0, true), 2);
        assert_eq!(g(3, 1, 4, 0, true), 1);
        assert_eq!(g(3, 2, 2, 1, true), 2);
    }

    #[test]
    fn a_window_that_could_miss_the_image_is_refused_with_its_sizes() {
        let g = Geometry { n: 1, h: 8, w: 8, c: 1, kernel: [3, 3], stride: [1, 1], pad: [2, 2], ceil: false };
        let e = g.check("pool1").unwrap_err().to_string();
        assert!(e.contains("pool1") && e.contains("2x2") && e.contains("3x3"), "{e}");
    }
}
