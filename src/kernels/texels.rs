//! An array copied into an rgba32float texture, or where it holds 16-bit floats an rgba16float one, by the transfer engine.
//!
//! lavapipe compiles a load from a storage texture to vector gathers, where a load from a storage buffer whose address
//! differs between lanes becomes a loop over the lanes. A variant that declares an argument as
//! `texture_storage_2d<rgba32float, read>` gets its operand copied by this command; the plan shows it. Newer versions gather from
//! buffers, too ([`Adapter::gathers`](crate::plan::Adapter::gathers)): there a declaration that ends in `// or array`, in a file
//! that has `const GATHERS: bool = false; // gathers`, is composed as one of an array, and nothing is copied.

use crate::error::Result;
use crate::plan::{Access, Arg, Builder, Command, Layout, Params, TEXELS_PER_ROW, Target, View};

/// The constant that is 1 on adapters that gather from buffers.
pub const GATHERS: &str = "GATHERS";

/// How the declaration of a texture ends that becomes one of an array where [`GATHERS`] is 1.
const OR_ARRAY: &str = "; // or array";

/// The name that a line declares as a texture, and how the line ends.
fn declaration(line: &str) -> Option<(&str, &str)> {
    let (before, after) = line.split_once(": texture_storage_2d<rgba32float, read>")?;
    after.starts_with(';').then(|| (before.rsplit(' ').next().unwrap_or_default(), after))
}

/// Names of the arguments that a shader reads as textures.
pub fn declared(source: &str) -> Vec<&str> {
    source.lines().filter_map(declaration).map(|(name, _)| name).collect()
}

/// Those that it reads as arrays, with these constants.
pub fn arrays<'a>(source: &'a str, constants: &[(String, u32)]) -> Vec<&'a str> {
    let gathers = constants.iter().any(|(name, v)| name == GATHERS && *v != 0);
    if gathers { or_arrays(source) } else { vec![] }
}

/// Those that it reads as arrays where [`GATHERS`] is 1.
fn or_arrays(source: &str) -> Vec<&str> {
    source.lines().filter_map(declaration).filter(|(_, end)| *end == OR_ARRAY).map(|(name, _)| name).collect()
}

/// A line of a shader that reads `name`, of elements `elem`, as an array: its declaration, and of its loads
/// `textureLoad(x, texel(i))` becomes `vec4<f32>(x[i])`, `textureLoad(x, texel_of(l, row, there))` `vec4<f32>(x[index_of(l, row, there)])`.
pub fn as_array(line: &str, name: &str, elem: &str) -> String {
    if let Some((declared, OR_ARRAY)) = declaration(line)
        && declared == name
    {
        let place = line.split("var ").next().unwrap_or_default();
        return format!("{place}var<storage, read> {name}: array<vec4<{elem}>>;");
    }
    let (mut out, mut rest) = (String::new(), line);
    let load = format!("textureLoad({name}, texel");
    while let Some((before, after)) = rest.split_once(load.as_str()) {
        let (texel, tail) = after.split_at(closing(after, ['(', ')']).unwrap_or(after.len()));
        let index =
            if let Some(arguments) = texel.strip_prefix("_of") { format!("index_of{arguments}") } else { texel.into() };
        out += &format!("{before}vec4<f32>({name}[{index}])");
        rest = tail.get(1..).unwrap_or_default();
    }
    out + rest
}

/// Where the bracket closes, of this kind, that was opened right before `text`.
pub fn closing(text: &str, [open, close]: [char; 2]) -> Option<usize> {
    let mut depth = 1;
    text.find(|c| {
        depth += i32::from(c == open) - i32::from(c == close);
        depth == 0
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_texture_becomes_an_array_with_all_its_loads() {
        let line = "@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // or array";
        assert_eq!((declared(line), or_arrays(line)), (vec!["x"], vec!["x"]));
        assert_eq!(as_array(line, "x", "f16"), "@group(0) @binding(1) var<storage, read> x: array<vec4<f16>>;");
        assert_eq!(as_array(line, "dy", "f32"), line);
        let fixed = line.replace(" // or array", "");
        assert_eq!((declared(&fixed), or_arrays(&fixed)), (vec!["x"], vec![]));
        for (load, array) in [
            ("a(textureLoad(x, texel(i + f(j))), 1);", "a(vec4<f32>(x[(i + f(j))]), 1);"),
            (
                "textureLoad(x, texel_of(l, r + 1u, g(r))) + textureLoad(x, texel(2u));",
                "vec4<f32>(x[index_of(l, r + 1u, g(r))]) + vec4<f32>(x[(2u)]);",
            ),
            ("textureLoad(w, texel(i))", "textureLoad(w, texel(i))"),
        ] {
            assert_eq!(as_array(load, "x", "f32"), array);
        }
    }
}
