//! An array copied into an rgba32float texture, or where it holds 16-bit floats an rgba16float one, by the transfer engine.
//!
//! lavapipe compiles a load from a storage texture to vector gathers, where a load from a storage buffer whose address
//! differs between lanes becomes a loop over the lanes. A variant that declares an argument as
//! `texture_storage_2d<rgba32float, read>` gets its operand copied by this command; the plan shows it.

use crate::error::Result;
use crate::plan::{Access, Arg, Builder, Command, Layout, Params, TEXELS_PER_ROW, Target, View};

/// Names of the arguments that a shader reads as textures.
pub fn declared(source: &str) -> Vec<&str> {
    let name = |line| {
        let (before, after): (&str, &str) = str::split_once(line, ": texture_storage_2d<rgba32float, read>")?;
        after.starts_with(';').then(|| before.rsplit(' ').next().unwrap_or_default())
    };
    source.lines().filter_map(name).collect()
}

/// Whether shaders of the target can read an array from a texture; the text says why not.
///
/// # Errors
/// No storage texture that can be read, or too small ones.
pub fn readable(t: &Target) -> std::result::Result<(), &'static str> {
    let enough = t.adapter.limits.max_texture as usize >= TEXELS_PER_ROW;
    if enough { Ok(()) } else { Err("it needs storage textures that can be read") }
}

/// The layout by groups of an array whose groups have as many channels as the constant `channels` says.
pub fn by_group(p: &Params, channels: &str) -> Layout {
    Layout::ByGroup { groups: p.u("groups"), part: p.u(channels) / 4 }
}

/// Whether an array of so many rows fits a texture in that layout, and can be copied there.
///
/// # Errors
/// See [`readable`]; the text says why not.
pub fn fits_by_group(t: &Target, p: &Params, channels: &str, rows: usize) -> std::result::Result<(), &'static str> {
    let (row, layout) = (p.u("groups") * p.u(channels), by_group(p, channels));
    // Transfers go from row to row in steps of 256 bytes, which 16 such rows of 16-bit floats are.
    if !row.is_multiple_of(8) {
        return Err("the channels of all groups are no multiple of 8");
    }
    let most = t.adapter.limits.max_texture as usize;
    if layout.width() <= most && layout.height(rows * row) <= most { Ok(()) } else { Err("no texture is large enough") }
}

/// The texture that holds `view` in this layout, after a command that fills it unless an earlier copy still holds the same.
///
/// # Errors
/// A view that does not fit a texture.
pub fn copy(b: &mut Builder, scope: &str, view: View, layout: Layout) -> Result<View> {
    let (texels, missing) = b.texels(scope, view, layout)?;
    if missing {
        let elem = b.elem(view);
        let from = Arg { name: "from", view, elem, access: Access::Read };
        let to = Arg { name: "to", view: texels, elem, access: Access::Write };
        b.push(Command::Copy { scope: scope.into(), args: [from, to] })?;
    }
    Ok(texels)
}
