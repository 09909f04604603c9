//! From the text of a shader file to the text that is compiled: includes and knobs, nothing else.

use std::sync::Arc;

use crate::kernels::{ArgSpec, BAKED, Kernel, Knobs, Variant, map_of, shaders, texels};
use crate::plan::{Params, Value};
use crate::projection::own::Source;

/// A composed shader and where each of its lines comes from.
#[derive(Clone, Debug)]
pub struct Composed {
    /// WGSL.
    pub text: String,
    /// Whether constants took the place of the `params` block.
    pub baked: bool,
    /// Arguments that hold 16-bit floats.
    pub halves: Vec<String>,
    /// Optional arguments that are given.
    pub given: Vec<String>,
    /// Arguments that are arrays in the place of textures.
    pub arrays: Vec<String>,
    /// File and 1-based line of each line of `text`.
    pub origin: Vec<(String, usize)>,
}

impl Composed {
    /// Whether the shader binds an argument.
    pub fn binds(&self, spec: &ArgSpec) -> bool {
        spec.is_there(|name| self.given.iter().any(|given| given == name))
    }

    /// Appends a text as it is, without looking for includes in it.
    pub(super) fn append(&mut self, file: &str, text: &str) {
        for (i, line) in text.lines().enumerate() {
            self.text.push_str(line);
            self.text.push('\n');
            self.origin.push((file.into(), i + 1));
        }
    }

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
    /// Users' own projections, for the kernel that projects.
    pub own: &'a [(u32, Arc<Source>)],
}

/// How a line ends that is there for one kind of projection: then comes the number.
const KIND: &str = " // kind ";

/// How a line ends that binds an argument in the place of which stands an optional one: then comes the name of that.
const UNLESS: &str = " // unless ";

/// What stands before the optional argument with which a line stands.
const WITH: &str = " // if ";

/// The lines in the place of which stand the functions of users' own projections, and their calls.
const OWN: [&str; 2] = ["// functions of users", "  // calls of them"];

/// A line that takes in a piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Include<'a> {
    /// `// include PATH`.
    Always(&'a str),
    /// `// include PATH for OTHER`: in the place of another piece.
    Instead(&'a str, &'a str),
    /// `// include PATH if NAME else OTHER`, `// include PATH if NAME == VALUE else OTHER`: one of two, by a constant of the file
    /// that is composed, a knob or a fact of the adapter, or by whether an optional argument is given.
    Either(&'a str, Condition<'a>, &'a str),
}

/// What decides between two pieces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition<'a> {
    name: &'a str,
    /// The value that chooses the first piece; none: any but 0, which is how `false` is given.
    equals: Option<u32>,
}

impl<'a> Include<'a> {
    /// What a line includes, if it is such a line.
    ///
    /// # Errors
    /// A condition that cannot be read.
    pub fn of(line: &'a str) -> Result<Option<Include<'a>>, String> {
        let Some(text) = line.trim().strip_prefix("// include ") else { return Ok(None) };
        if let Some((path, other)) = text.split_once(" for ") {
            return Ok(Some(Include::Instead(path, other)));
        }
        let Some((path, rest)) = text.split_once(" if ") else { return Ok(Some(Include::Always(text))) };
        let how = || format!("`{text}` is not `PATH if NAME else PATH` or `PATH if NAME == VALUE else PATH`");
        let (condition, other) = rest.split_once(" else ").ok_or_else(how)?;
        let (name, equals) = match condition.split_once(" == ") {
            Some((name, value)) => (name, Some(value.parse().map_err(|_| how())?)),
            None => (condition, None),
        };
        let word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        if ![path, name, other].into_iter().all(word) {
            return Err(how());
        }
        Ok(Some(Include::Either(path, Condition { name, equals }, other)))
    }

    /// Every path that it names.
    pub fn paths(self) -> impl Iterator<Item = &'a str> {
        let (path, other) = match self {
            Include::Always(path) => (path, None),
            Include::Instead(path, other) | Include::Either(path, _, other) => (path, Some(other)),
        };
        std::iter::once(path).chain(other)
    }
}

/// Composes the shader of a variant: [`compose`] with its file and the constants that it sets there.
///
/// # Errors
/// As [`compose`].
pub fn variant(kernel: &Kernel, variant: &Variant, settings: &Settings) -> Result<Composed, String> {
    let others = settings.knobs.iter().filter(|(name, _)| !variant.sets(name)).cloned();
    let knobs: Vec<_> = others.chain(variant.constants()).collect();
    compose(&kernel.file(variant), kernel.source(variant), &Settings { knobs: &knobs, ..*settings })
}

/// Replaces `// include PATH` lines by the named pieces (each once; the other forms: [`Include`]), the values of knobs by those given, and in
/// `alias X = f32; // map x` and in the declarations of textures the type where x holds 16-bit floats. A directive (`enable f16;`) that an earlier
/// line gave is left out, and a line that ends in `// unless NAME` where that optional argument is given, in `// if NAME` where it is not. Given constants, a `params` block that is marked `// baked`
/// becomes one of their values; users' own projections stand where a piece says so; and where `kinds` is among them, lines that end in `// kind N` are left empty unless bit N
/// is set.
///
/// # Errors
/// An unknown include, a knob or map that the file does not declare, a value that it does not allow, a constant without a
/// value, a condition of a name that is none; with file and line.
pub fn compose(file: &str, source: &str, settings: &Settings) -> Result<Composed, String> {
    let Settings { knobs, halves, params, own } = *settings;
    let declared = Knobs::all(source);
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
    let given = Knobs::arguments(source).into_iter().filter(|name| knobs.iter().any(|(n, v)| n == name && *v != 0));
    let given = given.map(str::to_owned).collect();
    let arrays = texels::arrays(source, knobs).into_iter().map(str::to_owned).collect();
    let mut out = Composed { text: String::new(), baked: false, halves, given, arrays, origin: vec![] };
    if !out.halves.is_empty() {
        // Directives come before everything else; a file may have this one, too.
        out.text.push_str("enable f16;\n");
        out.origin.push((file.into(), 1));
    }
    let set = |name: &str| knobs.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    let constants = declared.into_iter().map(|(name, default, allowed)| (set(&name).unwrap_or(default), name, allowed));
    let constants = constants.collect();
    let kinds = params.and_then(|p| p.0.iter().find(|(name, _)| *name == "kinds")).map(|(_, v)| v.bits());
    Composer { constants, kinds, own, seen: vec![], out: &mut out }.append(file, source, knobs)?;
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

/// What the pieces of a shader have in common while they are put together.
struct Composer<'a> {
    /// Every constant of the file that is composed: its value, its name, what it may be.
    constants: Vec<(u32, String, Vec<u32>)>,
    kinds: Option<u32>,
    own: &'a [(u32, Arc<Source>)],
    /// What is taken in already, or must not be.
    seen: Vec<String>,
    out: &'a mut Composed,
}

impl Composer<'_> {
    fn append(&mut self, file: &str, source: &str, knobs: &[(String, u32)]) -> Result<(), String> {
        for (i, mut line) in source.lines().enumerate() {
            let at = |what: String| format!("{file}:{}: {what}", i + 1);
            if let Some((rest, kind)) = line.split_once(KIND) {
                let kind: u32 = kind.parse().map_err(|_| at(format!("kind `{kind}` is no number")))?;
                line = if self.kinds.is_none_or(|kinds| kinds >> kind & 1 == 1) { rest } else { "" };
            }
            if let Some((rest, other)) = line.split_once(UNLESS) {
                line = if self.out.given.iter().any(|given| given == other) { "" } else { rest };
            }
            if let Some((rest, argument)) = line.split_once(WITH) {
                line = if self.out.given.iter().any(|given| given == argument) { rest } else { "" };
            }
            if OWN.contains(&line) && !self.own.is_empty() {
                self.append_own(line)?;
                continue;
            }
            if let Some(include) = Include::of(line).map_err(at)? {
                if let Some((path, piece)) = self.chosen(include).map_err(at)? {
                    self.append(path, piece, &[])?;
                }
                continue;
            }
            if line.starts_with("enable ") && self.out.text.lines().any(|l| l == line) {
                line = "";
            }
            let half = |name: &str| self.out.halves.iter().any(|h| h == name);
            let as_array =
                |text: String, name: &String| texels::as_array(&text, name, if half(name) { "f16" } else { "f32" });
            let text = self.out.arrays.iter().fold(line.to_owned(), as_array);
            let text = match map_of(&text) {
                Some(name) if half(name) => {
                    text.replacen("= f32;", "= f16;", 1).replacen("rgba32float", "rgba16float", 1)
                }
                _ => with_knob(&text, knobs),
            };
            self.out.text.push_str(&text);
            self.out.text.push('\n');
            self.out.origin.push((file.into(), i + 1));
        }
        Ok(())
    }

    /// Puts users' own projections in the place of one of the lines [`OWN`].
    fn append_own(&mut self, line: &str) -> Result<(), String> {
        if line == OWN[0] {
            // It is theirs to use.
            self.append("a user's own projection", "// include common/normal.wgsl\n", &[])?;
        }
        for (kind, source) in self.own {
            let text = match line == OWN[0] {
                true => source.renamed(&format!("own_{kind}")),
                false => format!("  if kind == {kind}u {{ p = own_{kind}(w, c); }}"),
            };
            self.out.append("a user's own projection", &text);
        }
        Ok(())
    }

    /// Path and text of the piece that an include takes in; none if it is in already.
    fn chosen<'p>(&mut self, include: Include<'p>) -> Result<Option<(&'p str, &'static str)>, String> {
        if let Some(path) = include.paths().find(|path| shaders::piece(path).is_none()) {
            return Err(format!("unknown include `{path}`"));
        }
        let path = match include {
            Include::Always(path) | Include::Instead(path, _) => path,
            Include::Either(path, condition, other) => {
                if self.holds(condition)? {
                    path
                } else {
                    other
                }
            }
        };
        if self.seen.iter().any(|s| s == path) {
            return Ok(None);
        }
        self.seen.push(path.into());
        if let Include::Instead(_, other) = include {
            if self.seen.iter().any(|s| s == other) {
                return Err(format!("`{other}` is included already"));
            }
            self.seen.push(other.into());
        }
        Ok(shaders::piece(path).map(|text| (path, text)))
    }

    fn holds(&self, condition: Condition) -> Result<bool, String> {
        let Condition { name, equals } = condition;
        let Some((value, _, allowed)) = self.constants.iter().find(|(_, n, _)| n == name) else {
            return Err(format!("`if {name}`: the file that is composed declares no such knob or fact"));
        };
        match equals {
            None => Ok(*value != 0),
            Some(wanted) if allowed.contains(&wanted) => Ok(*value == wanted),
            Some(wanted) => Err(format!("`if {name} == {wanted}`: it may be one of {allowed:?}")),
        }
    }
}

/// A line, with the value of the knob that it declares.
fn with_knob(line: &str, knobs: &[(String, u32)]) -> String {
    let constant = Knobs::all(line).into_iter().next();
    match constant.and_then(|(name, ..)| knobs.iter().find(|(n, _)| *n == name)) {
        Some((name, value)) if line.contains(": bool") => format!("const {name}: bool = {};", *value != 0),
        Some((name, value)) => format!("const {name}: u32 = {value}u;"),
        None => line.into(),
    }
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
    fn a_piece_is_chosen_by_a_knob_or_a_fact_of_the_adapter_in_pieces_too() {
        let source = "const WIDE: bool = false; // knob\nconst MATRIX: u32 = 16u; // matrix 8 16\n\
            // include common/mul_wide.wgsl if WIDE else common/mul_hi_lo.wgsl\n\
            // include common/matrices_8.wgsl if MATRIX == 8 else common/matrices_16.wgsl\nlet last = 1;\n";
        let with = |knobs: &[(&str, u32)]| {
            let knobs: Vec<_> = knobs.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
            compose("t.wgsl", source, &Settings { knobs: &knobs, ..Settings::default() }).unwrap()
        };
        let plain = with(&[]);
        assert!(plain.text.contains("WIDE: bool = false;") && !plain.text.contains("u64"), "{}", plain.text);
        assert!(plain.text.contains("coop_mat16x16") && !plain.text.contains("coop_mat8x8"), "{}", plain.text);
        let other = with(&[("WIDE", 1), ("MATRIX", 8)]);
        assert!(other.text.contains("WIDE: bool = true;") && other.text.contains("u64"), "{}", other.text);
        assert!(other.text.contains("coop_mat8x8") && !other.text.contains("coop_mat16x16"), "{}", other.text);
        assert_eq!(other.place(other.text.lines().count()), "t.wgsl:5");
        // The piece of a piece, by the constants of the file around both: one line of each, its two pieces, one directive each.
        let tile = "enable f16;\nconst MATRIX: u32 = 16u; // matrix 8 16\nconst SCALARS: bool = false; // scalars\n\
            // include conv2d/matrix_tile.wgsl\n";
        for (scalars, array) in [(0, "array<vec4<f16>"), (1, "array<f16")] {
            let knobs = [("SCALARS".to_owned(), scalars), ("MATRIX".to_owned(), 8)];
            let text = compose("t.wgsl", tile, &Settings { knobs: &knobs, ..Settings::default() }).unwrap().text;
            assert!(text.contains("coop_mat8x8") && text.contains(&format!("left: {array}")), "{text}");
            assert_eq!(text.matches("enable f16;").count(), 1, "{text}");
        }
    }

    #[test]
    fn conditions_that_mean_nothing_are_errors_with_file_and_line() {
        let e = |include: &str| {
            let source = format!("const SIZE: u32 = 8u; // knob 8 16\n// include {include}\n");
            compose("t.wgsl", &source, &Settings::default()).unwrap_err()
        };
        let [a, b] = ["common/grid.wgsl", "common/taps.wgsl"];
        let cases = [
            (format!("{a} if WIDE else {b}"), "`if WIDE`"),
            (format!("{a} if SIZE == 9 else {b}"), "[8, 16]"),
            (format!("{a} if SIZE == x else {b}"), "is not `PATH if"),
            (format!("{a} if SIZE"), "is not `PATH if"),
            (format!("{a} if SIZE and SIZE else {b}"), "is not `PATH if"),
            (format!("{a} if SIZE else nowhere.wgsl"), "unknown include `nowhere.wgsl`"),
        ];
        for (include, what) in cases {
            let e = e(&include);
            assert!(e.starts_with("t.wgsl:2: ") && e.contains(what), "{include}: {e}");
        }
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
