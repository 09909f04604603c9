//! Which variant and knobs a kernel uses on a target: first match in `shaders/tuning.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Kernel, Knobs};
use crate::error::Error;
use crate::plan::{Params, Target};

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
    /// Variant name.
    pub variant: String,
    /// Knobs that differ from the shader's defaults.
    #[serde(default)]
    pub knobs: std::collections::BTreeMap<String, u32>,
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

/// A variant and the knobs that differ from its defaults.
pub type Choice = (&'static super::Variant, Vec<(String, u32)>);

/// The variant and the knobs of `kernel` for `target` and these constants: a forced variant, else the first row of the
/// table whose variant can run them, else `naive`.
///
/// # Errors
/// A forced variant that does not exist or cannot run the constants.
pub fn choose(kernel: &'static Kernel, target: &Target, scope: &str, params: &Params) -> Result<Choice, Error> {
    // The last force wins, so that a command line can refine `*=naive`.
    for (name, variant) in target.forced.iter().rev() {
        if name == kernel.name {
            let Some(v) = kernel.variant(variant) else {
                let names = kernel.variants.iter().map(|v| v.name);
                let near = crate::error::suggest(variant, names);
                return Err(Error::Invalid(format!("kernel {name} has no variant \"{variant}\".{near}")));
            };
            return match (v.supports)(target, params) {
                Ok(()) => Ok((v, vec![])),
                Err(reason) => Err(Error::Unsupported {
                    scope: scope.into(),
                    variant: format!("{name}={variant}"),
                    reason: reason.into(),
                }),
            };
        }
        if name == "*"
            && let Some(v) = kernel.variant(variant)
            && (v.supports)(target, params).is_ok()
        {
            return Ok((v, vec![]));
        }
    }
    for row in shipped() {
        if row.kernel == kernel.name
            && row.class.as_deref().is_none_or(|c| c == target.class.name())
            && let Some(v) = kernel.variant(&row.variant)
            && (v.supports)(target, params).is_ok()
        {
            return Ok((v, row.knobs.iter().map(|(k, v)| (k.clone(), *v)).collect()));
        }
    }
    Ok((&kernel.variants[0], vec![]))
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
        let Some(variant) = kernel.variant(&row.variant) else {
            bad.push(format!("{at}: unknown variant"));
            continue;
        };
        let declared = Knobs::declared(variant.source);
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
