//! What each family of variants needs of a target and a shape, and how it cuts the outputs into workgroups.

use crate::kernels::{Knobs, matrices, texels};
use crate::plan::{Params, Target};

/// The `lanes` family needs four-wide outputs and subgroups of eight lanes.
pub(super) fn lanes(t: &Target, p: &Params) -> Result<(), &'static str> {
    subgroups_of_8(t)?;
    multiple_of_4(p, "c_out")
}

pub(in crate::kernels) fn subgroups_of_8(t: &Target) -> Result<(), &'static str> {
    if t.adapter.subgroup == Some(8) { Ok(()) } else { Err("it needs subgroups of 8 lanes") }
}

/// As [`lanes`], with operands in textures.
pub(super) fn exchange(t: &Target, p: &Params) -> Result<(), &'static str> {
    texels::readable(t)?;
    lanes(t, p)
}

/// The `tiled` family needs four-wide channels and a bit per row and column of the kernel.
pub(super) fn tiled(t: &Target, p: &Params) -> Result<(), &'static str> {
    multiple_of_4(p, "c_in")?;
    tiled_any(t, p)
}

/// Whether every output is one sum, as for most variants.
pub(in crate::kernels) fn whole_sums(p: &Params) -> Result<(), &'static str> {
    if p.u("splits") == 1 { Ok(()) } else { Err("it makes no partial sums") }
}

/// As [`tiled`], for any number of input channels.
pub(super) fn tiled_any(_: &Target, p: &Params) -> Result<(), &'static str> {
    if p.u("kh") > 16 || p.u("kw") > 16 {
        return Err("the kernel is larger than 16 x 16");
    }
    multiple_of_4(p, "c_out")
}

/// `coop` needs what `tiled` does, and matrices.
pub(super) fn matrices(t: &Target, p: &Params) -> Result<(), &'static str> {
    whole_sums(p)?;
    matrices_any(t, p)?;
    tiled(t, p)
}

/// `coop_split` adds matrices besides.
pub(super) fn split(t: &Target, p: &Params) -> Result<(), &'static str> {
    whole_sums(p)?;
    split_any(t, p)?;
    tiled(t, p)
}

/// As [`split`], for weights that are 0 or + - one magnitude.
pub(super) fn ternary(t: &Target, p: &Params) -> Result<(), &'static str> {
    split(t, p)?;
    if t.ternary { Ok(()) } else { Err("the weights are not 0 or + - one magnitude") }
}

/// As [`matrices`], for kernels of any size.
pub(super) fn matrices_any(t: &Target, p: &Params) -> Result<(), &'static str> {
    matrices::offered(t)?;
    multiple_of_4(p, "c_in")?;
    multiple_of_4(p, "c_out")
}

/// As [`split`], for kernels of any size.
pub(super) fn split_any(t: &Target, p: &Params) -> Result<(), &'static str> {
    matrices::added(t)?;
    matrices_any(t, p)
}

pub(in crate::kernels) fn one_group(p: &Params) -> Result<(), &'static str> {
    if p.u("groups") == 1 { Ok(()) } else { Err("it knows one group only") }
}

/// Grid of tiles of the weights of a group, rows in x.
pub(super) fn weight_tiles(p: &Params, tile: [usize; 2]) -> [u32; 3] {
    let rows = p.u("kh") * p.u("kw") * p.u("c_in");
    [rows.div_ceil(tile[0]) as u32, (p.u("groups") * p.u("c_out").div_ceil(tile[1])) as u32, p.u("splits") as u32]
}

pub(in crate::kernels) fn multiple_of_4(p: &Params, name: &str) -> Result<(), &'static str> {
    if p.u(name).is_multiple_of(4) { Ok(()) } else { Err("the channels are no multiple of 4") }
}

/// As [`exchange_fours`], where every output is one sum.
pub(super) fn whole_fours(t: &Target, p: &Params) -> Result<(), &'static str> {
    whole_sums(p)?;
    exchange_fours(t, p)
}

/// As [`exchange`], with input channels in fours.
pub(super) fn exchange_fours(t: &Target, p: &Params) -> Result<(), &'static str> {
    exchange(t, p)?;
    multiple_of_4(p, "c_in")
}

/// Three taps in a row that reach one pixel to either side, stride 1, and lines of the image in whole blocks of eight lanes, of which
/// a tile holds a whole number.
pub(super) fn whole_lines(p: &Params, tile: [usize; 2]) -> Result<(), &'static str> {
    let taps = (p.u("kw"), p.u("pad_w"), p.u("stride_h"), p.u("stride_w"), p.u("ow")) == (3, 1, 1, 1, p.u("w"));
    if taps && p.u("w").is_multiple_of(8) && tile[0].is_multiple_of(p.u("w")) {
        Ok(())
    } else {
        Err("it takes three taps in a row, stride 1, and lines of the image that fill subgroups and tiles")
    }
}

/// As [`whole_lines`], with a sum of whole eights of pixels in each split.
pub(super) fn whole_eights(p: &Params) -> Result<(), &'static str> {
    whole_lines(p, [p.u("w"); 2])?;
    let even = (p.u("n") * p.u("oh") * p.u("ow")).is_multiple_of(8 * p.u("splits"));
    if even { Ok(()) } else { Err("it adds whole eights of pixels in each of its partial sums") }
}

/// As [`exchange_fours`], with the input group by group in its texture.
pub(super) fn input_by_group(t: &Target, p: &Params) -> Result<(), &'static str> {
    exchange_fours(t, p)?;
    texels::fits_by_group(t, p, "c_in", p.u("n") * p.u("h") * p.u("w"))
}

/// As [`exchange_fours`], with the weights group by group in their texture.
pub(super) fn weights_by_group(t: &Target, p: &Params) -> Result<(), &'static str> {
    exchange_fours(t, p)?;
    texels::fits_by_group(t, p, "c_out", p.u("kh") * p.u("kw") * p.u("c_in"))
}

/// As [`exchange_fours`], with the gradient of the output group by group in its texture.
pub(super) fn output_by_group(t: &Target, p: &Params) -> Result<(), &'static str> {
    exchange_fours(t, p)?;
    texels::fits_by_group(t, p, "c_out", p.u("n") * p.u("oh") * p.u("ow"))
}

/// Groups of one input and one output channel, in fours.
pub(super) fn depthwise(t: &Target, p: &Params) -> Result<(), &'static str> {
    whole_sums(p)?;
    texels::readable(t)?;
    if p.u("c_in") != 1 || p.u("c_out") != 1 {
        return Err("a group is more than one channel");
    }
    multiple_of_4(p, "groups")
}

/// At most four input channels and output channels in fours, in one group.
pub(super) fn first(t: &Target, p: &Params) -> Result<(), &'static str> {
    one_group(p)?;
    texels::readable(t)?;
    multiple_of_4(p, "c_out")?;
    if p.u("c_in") <= 4 { Ok(()) } else { Err("there are more than four input channels") }
}

/// As [`exchange`], for any number of input channels, in one group.
pub(super) fn whole_input(t: &Target, p: &Params) -> Result<(), &'static str> {
    whole_sums(p)?;
    one_group(p)?;
    exchange(t, p)?;
    let whole = (p.u("n") * p.u("h") * p.u("w") * p.u("c_in")).is_multiple_of(4);
    if whole { Ok(()) } else { Err("the input is no whole number of texels") }
}

/// The variants `pointwise` know linear layers, and convolutions that are as good as one.
pub(super) fn pointwise(p: &Params) -> Result<(), &'static str> {
    let one = ["kh", "kw", "stride_h", "stride_w"].iter().all(|name| p.u(name) == 1);
    let same = (p.u("oh"), p.u("ow")) == (p.u("h"), p.u("w"));
    if one && same { Ok(()) } else { Err("the kernel is no 1 x 1 of stride 1 without padding") }
}

/// Rows and columns of the outputs of a workgroup of the variants `pointwise`.
pub(super) const POINTWISE: [usize; 2] = [8, 8];

/// Rows and columns of the outputs of a subgroup.
pub(super) const WIDE: [usize; 2] = [32, 32];

/// As [`WIDE`], for few columns.
pub(super) const NARROW: [usize; 2] = [64, 16];

/// The tile that the knobs say.
pub(super) fn knob_tile(k: &Knobs) -> [usize; 2] {
    [k.get("TILE_M") as usize, k.get("TILE_N") as usize]
}

/// Tiles of output pixels x output channels of each group.
pub(super) fn output_tiles(p: &Params, tile: [usize; 2]) -> [u32; 3] {
    tiles(p, p.u("n") * p.u("oh") * p.u("ow"), p.u("c_out"), tile)
}

/// Tiles of input pixels x input channels of each group, for every class of pixels congruent modulo the strides as many as the
/// largest takes.
pub(super) fn input_tiles(p: &Params, tile: [usize; 2]) -> [u32; 3] {
    let pixels = p.u("n") * p.u("h").div_ceil(p.u("stride_h")) * p.u("w").div_ceil(p.u("stride_w"));
    let rows = p.u("stride_h") * p.u("stride_w") * pixels.next_multiple_of(tile[0]);
    tiles(p, rows, p.u("c_in"), tile)
}

/// As [`output_tiles`], of the size that the knobs say, for every split.
pub(super) fn forward_tiles(p: &Params, k: &Knobs) -> [u32; 3] {
    let [x, y, z] = output_tiles(p, knob_tile(k));
    [x * p.u("splits") as u32, y, z]
}

/// Tiles of input pixels x input channels, for every class of pixels congruent modulo the strides; the first is largest.
pub(super) fn grad_input_tiles(p: &Params, k: &Knobs) -> [u32; 3] {
    let rows = p.u("n") * p.u("h").div_ceil(p.u("stride_h")) * p.u("w").div_ceil(p.u("stride_w"));
    let [x, y, z] = tiles(p, rows, p.u("c_in"), knob_tile(k));
    [x * (p.u("stride_h") * p.u("stride_w")) as u32, y, z]
}

/// Tiles of rows of weights x output channels of each group, for every split.
pub(super) fn grad_weight_tiles(p: &Params, k: &Knobs) -> [u32; 3] {
    let rows = (p.u("kh") * p.u("kw") * p.u("c_in")) as u32;
    let across = p.u("groups") as u32 * (p.u("c_out") as u32).div_ceil(k.get("TILE_N"));
    [across, rows.div_ceil(k.get("TILE_M")), p.u("splits") as u32]
}

/// Grid of tiles: columns of each group in x, rows in y and z.
fn tiles(p: &Params, rows: usize, columns: usize, tile: [usize; 2]) -> [u32; 3] {
    let y = rows.div_ceil(tile[0]);
    [(p.u("groups") * columns.div_ceil(tile[1])) as u32, y.min(32_768) as u32, y.div_ceil(32_768) as u32]
}
