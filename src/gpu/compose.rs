//! From the text of a shader file to the text that is compiled: includes and knobs, nothing else.

use crate::kernels::conv2d::PARTS;
use crate::kernels::{BAKED, COMMON, Knobs};
use crate::plan::{Params, Value};

/// A composed shader and where each of its lines comes from.
#[derive(Clone, Debug)]
pub struct Composed {
    /// WGSL.
    pub text: String,
    /// Whether constants took the place of the `params` block.
    pub baked: bool,
    /// File and 1-based line of each line of `text`.
    pub origin: Vec<(String, usize)>,
}

impl Composed {
    /// `file:line` of the 1-based line `line` of the composed text.
    pub fn place(&self, line: usize) -> String {
        match self.origin.get(line.saturating_sub(1)) {
            Some((file, l)) => format!("{file}:{l}"),
            None => "?".into(),
        }
    }
}

/// Replaces `// include PATH` lines by the named pieces (each once; `// include PATH for OTHER` in the place of another) and the values of knobs by those given. Given
/// `params`, a `params` block that is marked `// baked` becomes a constant of their values.
///
/// # Errors
/// An unknown include, a knob that the file does not declare, a value that it does not allow, a constant without a
/// value; with file and line.
pub fn compose(file: &str, source: &str, knobs: &[(String, u32)], params: Option<&Params>) -> Result<Composed, String> {
    let declared: Vec<_> = Knobs::declared(source).into_iter().chain(Knobs::subgroup(source)).collect();
    for (name, value) in knobs {
        match declared.iter().find(|(n, ..)| n == name) {
            None => return Err(format!("{file}: no knob `{name}` is declared")),
            Some((.., allowed)) if !allowed.contains(value) => {
                return Err(format!("{file}: knob {name} = {value} is not among {allowed:?}"));
            }
            Some(_) => {}
        }
    }
    let mut out = Composed { text: String::new(), baked: false, origin: vec![] };
    let mut seen = vec![];
    append(file, source, knobs, &mut seen, &mut out)?;
    if let Some(params) = params {
        bake(file, params, &mut out)?;
    }
    Ok(out)
}

/// Puts the constants in the place of the `params` block, if that is marked so; every line stays where it is.
fn bake(file: &str, params: &Params, out: &mut Composed) -> Result<(), String> {
    let Some(line) = out.text.lines().find(|l| l.ends_with(BAKED)) else { return Ok(()) };
    let body = out.text.split_once("struct Params {").and_then(|(_, rest)| rest.split_once('}'));
    let Some((body, _)) = body else { return Err(format!("{file}: params is baked, and there is no struct Params")) };
    let code = body.lines().map(|l| l.split("//").next().unwrap_or_default());
    let mut values = vec![];
    for field in code.flat_map(|l| l.split(',')).map(str::trim).filter(|f| !f.is_empty()) {
        let name = field.split(':').next().unwrap_or_default().trim();
        values.push(match params.0.iter().find(|(n, _)| *n == name) {
            Some((_, Value::U32(v))) => format!("{v}u"),
            Some((_, Value::F32(v))) if v.is_finite() => format!("{v:e}f"),
            Some((_, Value::F32(v))) => return Err(format!("{file}: Params.{name} = {v} cannot be baked in")),
            None => return Err(format!("{file}: the host gives no value for Params.{name}")),
        });
    }
    let constant = format!("const params = Params({});", values.join(", "));
    out.text = out.text.replacen(line, &constant, 1);
    out.baked = true;
    Ok(())
}

fn append(
    file: &str,
    source: &str,
    knobs: &[(String, u32)],
    seen: &mut Vec<String>,
    out: &mut Composed,
) -> Result<(), String> {
    for (i, line) in source.lines().enumerate() {
        if let Some(path) = line.trim().strip_prefix("// include ") {
            let (path, instead) = path.split_once(" for ").map_or((path, None), |(path, other)| (path, Some(other)));
            let Some((_, piece)) = COMMON.iter().chain(PARTS).find(|(p, _)| *p == path) else {
                return Err(format!("{file}:{}: unknown include `{path}`", i + 1));
            };
            if !seen.iter().any(|s| s == path) {
                seen.push(path.into());
                if let Some(other) = instead {
                    if seen.iter().any(|s| s == other) {
                        return Err(format!("{file}:{}: `{other}` is included already", i + 1));
                    }
                    seen.push(other.into());
                }
                append(path, piece, &[], seen, out)?;
            }
            continue;
        }
        let knob = Knobs::declared(line).into_iter().chain(Knobs::subgroup(line)).next();
        match knob.and_then(|(name, ..)| knobs.iter().find(|(n, _)| *n == name)) {
            Some((name, value)) => out.text.push_str(&format!("const {name}: u32 = {value}u;")),
            None => out.text.push_str(line),
        }
        out.text.push('\n');
        out.origin.push((file.into(), i + 1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "struct Params {\n  n: u32, // rows\n  a: f32,\n}\n\
        @group(0) @binding(0) var<storage, read_write> y: array<f32>;\n\
        @group(0) @binding(1) var<uniform> params: Params; // baked\n\
        var<private> tile: array<f32, params.n>;\n\
        @compute @workgroup_size(1) fn main() { tile[0] = params.a; y[params.n] = tile[0]; }\n";

    #[test]
    fn baked_constants_can_size_an_array_and_keep_every_line_in_its_place() {
        // Exact in the text, whatever the magnitude.
        let params = Params(vec![("a", (-1.0e-7f32).into()), ("n", 5u32.into())]);
        let composed = compose("t.wgsl", SOURCE, &[], Some(&params)).unwrap();
        assert!(composed.baked && composed.text.contains("const params = Params(5u, -1e-7f);"), "{}", composed.text);
        assert_eq!(composed.text.lines().count(), SOURCE.lines().count());
        naga::front::wgsl::parse_str(&composed.text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&composed.text)));
    }

    #[test]
    fn a_piece_in_the_place_of_another_keeps_that_one_out() {
        let source = "// include common/mul_wide.wgsl for common/mul_hi_lo.wgsl\n// include common/philox.wgsl\n";
        let text = compose("t.wgsl", source, &[], None).unwrap().text;
        assert!(text.contains("u64(a)") && text.matches("fn mul_hi_lo").count() == 1, "{text}");
        let late = "// include common/philox.wgsl\n// include common/mul_wide.wgsl for common/mul_hi_lo.wgsl\n";
        assert!(compose("t.wgsl", late, &[], None).unwrap_err().contains("t.wgsl:2"));
    }

    #[test]
    fn constants_that_are_missing_or_not_finite_cannot_be_baked_in() {
        let missing = compose("t.wgsl", SOURCE, &[], Some(&Params(vec![("n", 5u32.into())]))).unwrap_err();
        assert!(missing.contains("t.wgsl") && missing.contains("Params.a"), "{missing}");
        let infinite = Params(vec![("n", 5u32.into()), ("a", f32::INFINITY.into())]);
        assert!(compose("t.wgsl", SOURCE, &[], Some(&infinite)).unwrap_err().contains("inf"));
    }
}
