//! Arrays of `vec4<f32>` as arrays of pairs of 64-bit words. lavapipe gathers and scatters an array's elements one number at a time:
//! four gathers for a `vec4<f32>`, and half as many where two numbers travel as one word. The arrays that gain by it a line of the
//! shader names, `// in pairs x y`: putting numbers together and taking them apart costs more than that where registers are scarce.

use std::collections::HashMap;

use crate::kernels::texels;

/// How a line begins that names arrays.
const MARKER: &str = "// in pairs ";

/// What stands behind a shader with such arrays.
const FUNCTIONS: &str = "
fn four_of_pair(p: vec2<u64>) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(u32(p.x), u32(p.x >> 32u), u32(p.y), u32(p.y >> 32u)));
}

fn pair_of_four(v: vec4<f32>) -> vec2<u64> {
  let b = bitcast<vec4<u32>>(v);
  return vec2<u64>(u64(b.x) | (u64(b.y) << 32u), u64(b.z) | (u64(b.w) << 32u));
}
";

/// The text of a shader whose named arrays of `vec4<f32>` are declared as ones of `vec2<u64>`, with every load and store of an
/// element through a conversion; none if it names no array that it has.
pub(super) fn rewritten(text: &str) -> Option<String> {
    let aliases = aliases(text);
    let declared: Vec<(&str, &str)> =
        named(text).filter_map(|name| Some((name, declaration(text, name, &aliases)?))).collect();
    if declared.is_empty() {
        return None;
    }
    let names: Vec<&str> = declared.iter().map(|(name, _)| *name).collect();
    let out = declared.iter().fold(accesses(text, &names), |out, (_, line)| {
        let (before, _) = line.split_once("array<").expect("an array");
        out.replacen(line, &format!("{before}array<vec2<u64>>;"), 1)
    });
    Some(out + FUNCTIONS)
}

/// The arrays that the lines of a shader name.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|l| l.strip_prefix(MARKER)).flat_map(|names| names.split(' '))
}

/// What `alias X = f32;` says.
fn aliases(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|l| l.strip_prefix("alias ")?.split_once(';')?.0.split_once(" = ")).collect()
}

/// The line that declares a storage array of `vec4<f32>`.
fn declaration<'a>(text: &'a str, name: &str, aliases: &HashMap<&str, &str>) -> Option<&'a str> {
    let known = |ty| *aliases.get(ty).unwrap_or(&ty);
    let of_fours =
        |ty| known(ty).strip_prefix("vec4<").and_then(|t| t.strip_suffix('>')).is_some_and(|t| known(t) == "f32");
    let declared = format!("> {name}: array<");
    text.lines().find(|line| {
        let ty = line.split_once(&declared).and_then(|(_, rest)| rest.rsplit_once(">;"));
        ty.is_some_and(|(ty, _)| of_fours(ty))
    })
}

/// A text with every load and store of an element of `arrays` through a conversion.
fn accesses(text: &str, arrays: &[&str]) -> String {
    let Some((at, name)) = arrays.iter().filter_map(|name| Some((indexed(text, name)?, *name))).min() else {
        return text.into();
    };
    let (before, rest) = text.split_at(at);
    let rest = &rest[name.len() + 1..];
    let (index, rest) = rest.split_at(texels::closing(rest, ['[', ']']).expect("a bracket that closes"));
    let (index, rest) = (accesses(index, arrays), &rest[1..]);
    if let Some((value, rest)) = rest.strip_prefix(" = ").and_then(|rest| rest.split_once(';')) {
        return format!(
            "{before}{name}[{index}] = pair_of_four({});{}",
            accesses(value, arrays),
            accesses(rest, arrays)
        );
    }
    format!("{before}four_of_pair({name}[{index}]){}", accesses(rest, arrays))
}

/// Where an array is indexed first.
fn indexed(text: &str, name: &str) -> Option<usize> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let access = format!("{name}[");
    text.match_indices(&access).map(|(at, _)| at).find(|at| !text[..*at].ends_with(in_word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::compose::{self, Settings};
    use crate::kernels::{KERNELS, Knobs};

    #[test]
    fn elements_travel_in_pairs() {
        let text = "// in pairs x y z\nalias X = f32;\nvar<storage, read> x: array<vec4<X>>;\nvar<storage, read> w: array<vec4<f32>>;\n\
                    var<storage, read_write> y: array<vec4<f32>>;\nvar<storage, read> z: array<f32>;\n\
                    fn f(i: u32) { y[i] = f32(2) * x[u32(x[i].x)] + w[p.y[i]]; }\n";
        let out = rewritten(text).unwrap();
        for line in [
            "var<storage, read> x: array<vec2<u64>>;",
            "var<storage, read> w: array<vec4<f32>>;",
            "var<storage, read_write> y: array<vec2<u64>>;",
            "var<storage, read> z: array<f32>;",
            "fn f(i: u32) { y[i] = pair_of_four(f32(2) * four_of_pair(x[u32(four_of_pair(x[i]).x)]) + w[p.y[i]]); }",
        ] {
            assert!(out.lines().any(|l| l == line), "{line}\n{out}");
        }
        assert_eq!(rewritten(&text.replace("f32;", "f16;").replace("x y z", "x z")), None);
        assert_eq!(rewritten(&text.replace("// in pairs x y z", "")), None);
    }

    #[test]
    fn every_shader_that_names_arrays_is_valid_with_pairs() {
        let mut found = 0;
        for (kernel, variant) in KERNELS.iter().flat_map(|k| k.variants.iter().map(move |v| (k, v))) {
            let source = kernel.source(variant);
            let names = named(source).count();
            if names == 0 {
                continue;
            }
            // Alone, and with every optional argument and fact of the adapter, where all are there.
            let given = Knobs::facts(source).into_iter().map(|(name, ..)| (name, 1)).collect::<Vec<_>>();
            for knobs in [vec![], given] {
                let composed =
                    compose::variant(kernel, variant, &Settings { knobs: &knobs, ..Settings::default() }).unwrap();
                let Some(text) = rewritten(&composed.text) else {
                    // Its only one is a texture where buffers are not gathered from.
                    assert!(knobs.is_empty(), "{}/{} has none of its arrays", kernel.name, variant.name);
                    continue;
                };
                let rewritten = text.matches("array<vec2<u64>>;").count();
                assert!(knobs.is_empty() || rewritten == names, "{}/{}: {rewritten}", kernel.name, variant.name);
                let module =
                    naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
                let flags = naga::valid::ValidationFlags::all();
                let valid = naga::valid::Validator::new(flags, naga::valid::Capabilities::all()).validate(&module);
                valid.unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
                found += 1;
            }
        }
        assert!(found > 0);
    }
}
