//! Which variant and knobs a kernel uses on a target: first match in `shaders/tuning.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Chain, Kernel, Knobs, Variant};
use crate::error::Error;
use crate::plan::{Params, Target, Value};

/// The shipped table.
pub const TABLE: &str = include_str!("../../shaders/tuning.toml");

/// One row of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Kernel name, `conv2d.forward`.
    pub kernel: String,
    /// Adapter class; absent: every class.
    pub class: Option<String>,
    /// Precision that it is for; absent: every precision.
    pub precision: Option<String>,
    /// Variant name.
    pub variant: String,
    /// Inclusive ranges of the kernel's constants in which the row holds: `where = { c_in = [32, 4096] }`.
    #[serde(default, rename = "where")]
    pub shapes: BTreeMap<String, [u32; 2]>,
    /// Knobs that differ from the shader's defaults.
    #[serde(default)]
    pub knobs: BTreeMap<String, u32>,
    /// What was measured, and where.
    #[serde(default)]
    pub measured: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

/// Parses a tuning table.
///
/// # Errors
/// TOML errors, with line and column.
pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    toml::from_str::<Table>(text).map(|t| t.row).map_err(|e| e.to_string())
}

static SHIPPED: LazyLock<Vec<Row>> = LazyLock::new(|| parse(TABLE).expect("a test parses the shipped table"));

/// The shipped table, parsed.
pub fn shipped() -> &'static [Row] {
    &SHIPPED
}

/// How a kernel is computed.
pub enum Choice {
    /// One dispatch: the variant and the knobs that differ from its defaults.
    Variant(&'static Variant, Vec<(String, u32)>),
    /// Several commands of other kernels.
    Chain(&'static Chain),
}

impl Row {
    /// Whether the row is for this kernel, adapter class and shape.
    fn matches(&self, kernel: &Kernel, target: &Target, params: &Params) -> bool {
        let within = |(name, [low, high]): (&String, &[u32; 2])| {
            let value = params.0.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
            matches!(value, Some(Value::U32(v)) if (*low..=*high).contains(&v))
        };
        self.kernel == kernel.name
            && self.class.as_deref().is_none_or(|c| c == target.class.name())
            && self.precision.as_deref().is_none_or(|p| p == target.precision.name())
            && self.shapes.iter().all(within)
    }
}

/// How `kernel` is computed on `target` with these constants: a forced variant or chain, else the first row of the
/// table that can run them, else `naive`.
///
/// # Errors
/// A forced variant that does not exist or cannot run the constants.
pub fn choose(kernel: &'static Kernel, target: &Target, scope: &str, params: &Params) -> Result<Choice, Error> {
    // The last force wins, so that a command line can refine `*=naive`.
    for (name, text) in target.forced.iter().rev() {
        if name == kernel.name {
            let found = forced(kernel, text)?;
            return match found.supports(target, params) {
                Ok(()) => Ok(found),
                Err(reason) => Err(Error::Unsupported {
                    scope: scope.into(),
                    variant: format!("{name}={text}"),
                    reason: reason.into(),
                }),
            };
        }
        if name == "*"
            && let Some(found) = find(kernel, text, &[])
            && found.supports(target, params).is_ok()
        {
            return Ok(found);
        }
    }
    for row in shipped().iter().filter(|r| r.matches(kernel, target, params)) {
        let knobs: Vec<(String, u32)> = row.knobs.iter().map(|(k, v)| (k.clone(), *v)).collect();
        if let Some(found) = find(kernel, &row.variant, &knobs)
            && found.supports(target, params).is_ok()
        {
            return Ok(found);
        }
    }
    Ok(Choice::Variant(&kernel.variants[0], vec![]))
}

fn find(kernel: &'static Kernel, name: &str, knobs: &[(String, u32)]) -> Option<Choice> {
    let variant = || kernel.variant(name).map(|v| Choice::Variant(v, knobs.to_vec()));
    variant().or_else(|| kernel.chains().find(|c| c.name == name).map(Choice::Chain))
}

impl Choice {
    fn supports(&self, target: &Target, params: &Params) -> Result<(), &'static str> {
        match self {
            Choice::Variant(v, _) => (v.supports)(target, params),
            Choice::Chain(c) => (c.supports)(target, params),
        }
    }
}

/// A variant or chain of `kernel` as a user forces it: its name, or `NAME:KNOB=VALUE,KNOB=VALUE` with knobs that differ from the
/// defaults.
///
/// # Errors
/// Unknown variants and knobs, values that are not allowed.
pub fn forced(kernel: &'static Kernel, text: &str) -> Result<Choice, Error> {
    let (name, settings) = text.split_once(':').unwrap_or((text, ""));
    let Some(found) = find(kernel, name, &[]) else {
        let names = kernel.variants.iter().map(|v| v.name).chain(kernel.chains().map(|c| c.name));
        let near = crate::error::suggest(name, names);
        return Err(Error::Invalid(format!("kernel {} has no variant \"{name}\".{near}", kernel.name)));
    };
    let declared = match &found {
        Choice::Variant(variant, _) => Knobs::declared(variant.source),
        Choice::Chain(_) => vec![],
    };
    let mut knobs = vec![];
    for setting in settings.split(',').filter(|s| !s.is_empty()) {
        let fail = |what: String| Error::Invalid(format!("{}={text}: {what}", kernel.name));
        let (knob, value) =
            setting.split_once('=').ok_or_else(|| fail(format!("write KNOB=VALUE instead of {setting}")))?;
        let Some((_, _, allowed)) = declared.iter().find(|(n, ..)| n == knob) else {
            let near = crate::error::suggest(knob, declared.iter().map(|(n, ..)| n.as_str()));
            return Err(fail(format!("there is no knob {knob}.{near}")));
        };
        match value.parse() {
            Ok(value) if allowed.contains(&value) => knobs.push((knob.to_owned(), value)),
            _ => return Err(fail(format!("{knob} may be one of {allowed:?}"))),
        }
    }
    Ok(match found {
        Choice::Variant(variant, _) => Choice::Variant(variant, knobs),
        chain => chain,
    })
}

/// What is wrong with a table: unknown kernels, classes, variants, knobs, values outside the allowed ones.
pub fn check(rows: &[Row]) -> Vec<String> {
    let mut bad = vec![];
    for row in rows {
        let at = format!("tuning row {} {}", row.kernel, row.variant);
        let Ok(kernel) = super::find(&row.kernel) else {
            bad.push(format!("{at}: unknown kernel"));
            continue;
        };
        if row.class.as_deref().is_some_and(|c| !["software", "coop_matrix", "discrete"].contains(&c)) {
            bad.push(format!("{at}: unknown class {:?}", row.class));
        }
        if row.precision.as_deref().is_some_and(|p| !["f32", "f16", "split"].contains(&p)) {
            bad.push(format!("{at}: unknown precision {:?}", row.precision));
        }
        let known: Vec<&str> =
            (kernel.cases)().first().and_then(|c| c.build(&Target::baseline()).ok()).map_or_else(Vec::new, |built| {
                let of_kernel = built.plan.commands.iter().find(|c| c.kernel == kernel.name);
                of_kernel.map_or_else(Vec::new, |c| c.params.0.iter().map(|(n, _)| *n).collect())
            });
        bad.extend(
            row.shapes
                .iter()
                .filter(|(n, _)| !known.contains(&n.as_str()))
                .map(|(name, _)| format!("{at}: `where` names {name}, which is no constant of the kernel")),
        );
        let declared = match find(kernel, &row.variant, &[]) {
            Some(Choice::Variant(variant, _)) => Knobs::declared(variant.source),
            Some(Choice::Chain(_)) => vec![],
            None => {
                bad.push(format!("{at}: unknown variant"));
                continue;
            }
        };
        for (name, value) in &row.knobs {
            match declared.iter().find(|(n, ..)| n == name) {
                None => bad.push(format!("{at}: unknown knob {name}")),
                Some((_, _, allowed)) if !allowed.contains(value) => {
                    bad.push(format!("{at}: {name} = {value} is not among {allowed:?}"));
                }
                Some(_) => {}
            }
        }
    }
    bad
}
