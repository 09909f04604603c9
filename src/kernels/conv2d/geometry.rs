//! The shape of a convolution and the constants of its kernels.

use crate::error::{Error, Result};
use crate::plan::Value;

/// Shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images.
    pub n: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Step in y and x.
    pub stride: [usize; 2],
    /// Rows of zeros above and columns to the left, and as many below and to the right.
    pub pad: [usize; 2],
    /// Further rows below, columns to the right: TensorFlow pads by an odd number where its `same` takes one.
    pub extra: [usize; 2],
    /// Groups of channels; output group g sees only input group g.
    pub groups: usize,
}

impl Geometry {
    /// A linear layer: `n` samples of `c_in` features to `c_out`, weights `[c_in, c_out]`.
    pub fn linear(n: usize, c_in: usize, c_out: usize) -> Self {
        Geometry { n, h: 1, w: 1, c_in, c_out, kernel: [1, 1], stride: [1, 1], pad: [0, 0], extra: [0, 0], groups: 1 }
    }

    /// Rows and columns of the padded input.
    fn padded(&self) -> [usize; 2] {
        [0, 1].map(|i| [self.h, self.w][i] + 2 * self.pad[i] + self.extra[i])
    }

    /// Output height.
    pub fn oh(&self) -> usize {
        (self.padded()[0] - self.kernel[0]) / self.stride[0] + 1
    }

    /// Output width.
    pub fn ow(&self) -> usize {
        (self.padded()[1] - self.kernel[1]) / self.stride[1] + 1
    }

    /// Elements of one input image.
    pub fn x_len(&self) -> usize {
        self.h * self.w * self.c_in
    }

    /// Elements of one output image.
    pub fn y_len(&self) -> usize {
        self.oh() * self.ow() * self.c_out
    }

    /// Elements of the weights.
    pub fn w_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.c_in / self.groups * self.c_out
    }

    /// Partial sums into which `grad_weight` cuts the pixels of a batch: a function of the shape alone, so that results
    /// do not depend on the machine. At most 16 MiB of them.
    ///
    /// They are runs of equal length, and if the shape allows it near the wanted number, of whole images or of four
    /// rows: Winograd's algorithm works on bands of four rows.
    pub fn splits(&self) -> usize {
        let most = (1 << 22) / self.w_len();
        let wanted = (self.n * self.oh() * self.ow() / 2048).min(64).min(most).max(1);
        self.whole_splits(wanted.div_ceil(2), wanted)
    }

    /// The largest number of partial sums within the range that makes them whole bands of four rows or whole images; `high` if
    /// none does.
    pub(super) fn whole_splits(&self, low: usize, high: usize) -> usize {
        let units = if self.oh().is_multiple_of(4) { self.n * self.oh() / 4 } else { self.n };
        (low..=high).rev().find(|s| units.is_multiple_of(*s)).unwrap_or(high)
    }

    /// Refuses shapes that are no convolution.
    ///
    /// # Errors
    /// A kernel larger than the padded input, groups that do not divide the channels, zeros.
    pub fn check(&self, scope: &str) -> Result<()> {
        let fail = |m: String| Err(Error::layer(scope, m));
        let [kh, kw] = self.kernel;
        if [self.n, self.h, self.w, self.c_in, self.c_out, kh, kw, self.stride[0], self.stride[1], self.groups]
            .contains(&0)
        {
            return fail(format!("a size is zero in {self:?}"));
        }
        let [h, w] = self.padded();
        if kh > h || kw > w {
            return fail(format!("a {kh}x{kw} kernel does not fit a {}x{} input padded to {h}x{w}", self.h, self.w));
        }
        if !self.c_in.is_multiple_of(self.groups) || !self.c_out.is_multiple_of(self.groups) {
            return fail(format!(
                "{} groups do not divide {} input and {} output channels",
                self.groups, self.c_in, self.c_out
            ));
        }
        Ok(())
    }

    /// The constants of a kernel: c_in and c_out are those of one group.
    pub(in crate::kernels) fn params(&self, n: usize, splits: usize) -> Vec<(&'static str, Value)> {
        vec![
            ("n", n.into()),
            ("h", self.h.into()),
            ("w", self.w.into()),
            ("c_in", (self.c_in / self.groups).into()),
            ("oh", self.oh().into()),
            ("ow", self.ow().into()),
            ("c_out", (self.c_out / self.groups).into()),
            ("kh", self.kernel[0].into()),
            ("kw", self.kernel[1].into()),
            ("stride_h", self.stride[0].into()),
            ("stride_w", self.stride[1].into()),
            ("pad_h", self.pad[0].into()),
            ("pad_w", self.pad[1].into()),
            ("groups", self.groups.into()),
            ("splits", splits.into()),
        ]
    }
}
