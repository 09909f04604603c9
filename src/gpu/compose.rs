//! From the text of a shader file to the text that is compiled: includes and knobs, nothing else.

use crate::kernels::{COMMON, Knobs};

/// A composed shader and where each of its lines comes from.
#[derive(Clone, Debug)]
pub struct Composed {
    /// WGSL.
    pub text: String,
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

/// Replaces `// include PATH` lines by the named pieces (each once) and the values of knobs by those given.
///
/// # Errors
/// An unknown include, a knob that the file does not declare, a value that it does not allow; with file and line.
pub fn compose(file: &str, source: &str, knobs: &[(String, u32)]) -> Result<Composed, String> {
    let declared = Knobs::declared(source);
    for (name, value) in knobs {
        match declared.iter().find(|(n, ..)| n == name) {
            None => return Err(format!("{file}: no knob `{name}` is declared")),
            Some((.., allowed)) if !allowed.contains(value) => {
                return Err(format!("{file}: knob {name} = {value} is not among {allowed:?}"));
            }
            Some(_) => {}
        }
    }
    let mut out = Composed { text: String::new(), origin: vec![] };
    let mut seen = vec![];
    append(file, source, knobs, &mut seen, &mut out)?;
    Ok(out)
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
            let Some((_, piece)) = COMMON.iter().find(|(p, _)| *p == path) else {
                return Err(format!("{file}:{}: unknown include `{path}`", i + 1));
            };
            if !seen.iter().any(|s| s == path) {
                seen.push(path.into());
                append(path, piece, &[], seen, out)?;
            }
            continue;
        }
        let knob = Knobs::declared(line).into_iter().next();
        match knob.and_then(|(name, ..)| knobs.iter().find(|(n, _)| *n == name)) {
            Some((name, value)) => out.text.push_str(&format!("const {name}: u32 = {value}u;")),
            None => out.text.push_str(line),
        }
        out.text.push('\n');
        out.origin.push((file.into(), i + 1));
    }
    Ok(())
}
