//! From the text of a shader file to the text that is compiled: includes and knobs, nothing else.

use crate::kernels::parts::PARTS;
use crate::kernels::{BAKED, COMMON, Knobs, map_of};
use crate::plan::{Params, Value};

/// A composed shader and where each of its lines comes from.
#[derive(Clone, Debug)]
pub struct Composed {
    /// WGSL.
    pub text: String,
    /// Whether constants took the place of the `params` block.
    pub baked: bool,
    /// Arguments that hold 16-bit floats.
    pub halves: Vec<String>,
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

/// What a shader is composed for, beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// Values of knobs that differ from the defaults.
    pub knobs: &'a [(String, u32)],
    /// Arguments that hold 16-bit floats.
    pub halves: &'a [&'a str],
    /// Constants, where they are to be baked in.
    pub params: Option<&'a Params>,
}

/// How a line ends that is there for one kind of projection: then comes the number.
const KIND: &str = " // kind ";

/// Replaces `// include PATH` lines by the named pieces (each once; `// include PATH for OTHER` in the place of another), the values of knobs by those given, and in
/// `alias X = f32; // map x` and in the declarations of textures the type where x holds 16-bit floats. Given constants, a `params` block that is marked `// baked`
/// becomes one of their values, and where `kinds` is among them, lines that end in `// kind N` are left empty unless bit N
/// is set.
///
/// # Errors
/// An unknown include, a knob or map that the file does not declare, a value that it does not allow, a constant without a
/// value; with file and line.
pub fn compose(file: &str, source: &str, settings: &Settings) -> Result<Composed, String> {
    let Settings { knobs, halves, params } = *settings;
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
    let maps: Vec<&str> = source.lines().filter_map(map_of).collect();
    if let Some(name) = halves.iter().find(|name| !maps.contains(name)) {
        return Err(format!("{file}: no map `{name}` is declared"));
    }
    let halves: Vec<String> = halves.iter().map(|name| (*name).to_owned()).collect();
    let mut out = Composed { text: String::new(), baked: false, halves, origin: vec![] };
    if !out.halves.is_empty() {
        // Directives come before everything else; a file may have this one, too.
        out.text.push_str("enable f16;\n");
        out.origin.push((file.into(), 1));
    }
    let mut seen = vec![];
    let kinds = params.and_then(|p| p.0.iter().find(|(name, _)| *name == "kinds")).map(|(_, v)| v.bits());
    append(file, source, knobs, kinds, &mut seen, &mut out)?;
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
    kinds: Option<u32>,
    seen: &mut Vec<String>,
    out: &mut Composed,
) -> Result<(), String> {
    for (i, mut line) in source.lines().enumerate() {
        if let Some((rest, kind)) = line.split_once(KIND) {
            let kind: u32 = kind.parse().map_err(|_| format!("{file}:{}: kind `{kind}` is no number", i + 1))?;
            line = if kinds.is_none_or(|kinds| kinds >> kind & 1 == 1) { rest } else { "" };
        }
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
                append(path, piece, &[], kinds, seen, out)?;
            }
            continue;
        }
        if map_of(line).is_some_and(|name| out.halves.iter().any(|h| h == name)) {
            out.text.push_str(&line.replacen("= f32;", "= f16;", 1).replacen("rgba32float", "rgba16float", 1));
            out.text.push('\n');
            out.origin.push((file.into(), i + 1));
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

    fn with(params: &Params) -> Settings<'_> {
        Settings { params: Some(params), ..Settings::default() }
    }

    #[test]
    fn a_map_of_16_bit_floats_changes_its_type_and_no_other_and_places_stay_right() {
        let source = "alias X = f32; // map x\nalias Y = f32; // map y\n\
            @group(0) @binding(0) var<storage, read> x: array<vec4<X>>;\n\
            @group(0) @binding(1) var<storage, read_write> y: array<vec4<Y>>;\n\
            @compute @workgroup_size(1) fn main() { y[0] = vec4<Y>(2.0 * vec4<f32>(x[0])); }\n";
        for halves in [&["x"][..], &["y"], &["x", "y"]] {
            let composed = compose("t.wgsl", source, &Settings { halves, ..Settings::default() }).unwrap();
            let of = |name: &str| if halves.contains(&name) { "f16" } else { "f32" };
            assert!(composed.text.contains(&format!("alias X = {};", of("x"))), "{}", composed.text);
            assert!(composed.text.contains(&format!("alias Y = {};", of("y"))), "{}", composed.text);
            naga::front::wgsl::parse_str(&composed.text)
                .unwrap_or_else(|e| panic!("{}", e.emit_to_string(&composed.text)));
            assert_eq!(composed.place(4), "t.wgsl:3");
        }
        let unknown = compose("t.wgsl", source, &Settings { halves: &["z"], ..Settings::default() }).unwrap_err();
        assert!(unknown.contains("t.wgsl") && unknown.contains("`z`"), "{unknown}");
    }

    #[test]
    fn baked_constants_can_size_an_array_and_keep_every_line_in_its_place() {
        // Exact in the text, whatever the magnitude.
        let params = Params(vec![("a", (-1.0e-7f32).into()), ("n", 5u32.into())]);
        let composed = compose("t.wgsl", SOURCE, &with(&params)).unwrap();
        assert!(composed.baked && composed.text.contains("const params = Params(5u, -1e-7f);"), "{}", composed.text);
        assert_eq!(composed.text.lines().count(), SOURCE.lines().count());
        naga::front::wgsl::parse_str(&composed.text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&composed.text)));
    }

    #[test]
    fn a_piece_in_the_place_of_another_keeps_that_one_out() {
        let source = "// include common/mul_wide.wgsl for common/mul_hi_lo.wgsl\n// include common/philox.wgsl\n";
        let text = compose("t.wgsl", source, &Settings::default()).unwrap().text;
        assert!(text.contains("u64(a)") && text.matches("fn mul_hi_lo").count() == 1, "{text}");
        let late = "// include common/philox.wgsl\n// include common/mul_wide.wgsl for common/mul_hi_lo.wgsl\n";
        assert!(compose("t.wgsl", late, &Settings::default()).unwrap_err().contains("t.wgsl:2"));
    }

    #[test]
    fn lines_of_kinds_that_cannot_come_are_empty_and_every_line_keeps_its_place() {
        let source = "// include common/grid.wgsl // kind 3\nlet a = 1; // kind 0\nlet b = 2; // kind 31\nlet c = 3;\n";
        let of = |kinds: Option<u32>| {
            let params = kinds.map(|kinds| Params(vec![("kinds", kinds.into())]));
            compose("t.wgsl", source, &Settings { params: params.as_ref(), ..Settings::default() }).unwrap()
        };
        let all = of(None);
        assert!(all.text.contains("fn linear_workgroup") && all.text.ends_with("let a = 1;\nlet b = 2;\nlet c = 3;\n"));
        let some = of(Some(1 << 31));
        assert_eq!(some.text.split('\n').collect::<Vec<_>>(), ["", "", "let b = 2;", "let c = 3;", ""]);
        assert_eq!(some.place(3), "t.wgsl:3");
        let e = compose("t.wgsl", "x // kind one\n", &Settings::default()).unwrap_err();
        assert!(e.contains("t.wgsl:1") && e.contains("one"), "{e}");
    }

    #[test]
    fn constants_that_are_missing_or_not_finite_cannot_be_baked_in() {
        let missing = compose("t.wgsl", SOURCE, &with(&Params(vec![("n", 5u32.into())]))).unwrap_err();
        assert!(missing.contains("t.wgsl") && missing.contains("Params.a"), "{missing}");
        let infinite = Params(vec![("n", 5u32.into()), ("a", f32::INFINITY.into())]);
        assert!(compose("t.wgsl", SOURCE, &with(&infinite)).unwrap_err().contains("inf"));
    }
}
