//! Which variant and knobs a kernel uses on a target: first match in the target's own rows, then in
//! `shaders/tuning.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Chain, Kernel, Knobs, Variant, matrices};
use crate::error::Error;
use crate::plan::{AdapterClass, Params, Target, Value};

/// The shipped table.
pub const TABLE: &str = include_str!("../../shaders/tuning.toml");

pub use crate::plan::TuningRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// A table with nothing in it has none.
    #[serde(default)]
    row: Vec<TuningRow>,
}

/// Parses a tuning table.
///
/// # Errors
/// TOML errors, with line and column.
pub fn parse(text: &str) -> Result<Vec<TuningRow>, String> {
    toml::from_str::<Table>(text).map(|t| t.row).map_err(|e| e.to_string())
}

static SHIPPED: LazyLock<Vec<TuningRow>> = LazyLock::new(|| parse(TABLE).expect("a test parses the shipped table"));

/// The shipped table, parsed.
pub fn shipped() -> &'static [TuningRow] {
    &SHIPPED
}

/// How a kernel is computed.
pub enum Choice {
    /// One dispatch: the variant and the knobs that differ from its defaults.
    Variant(&'static Variant, Vec<(String, u32)>),
    /// Several commands of other kernels.
    Chain(&'static Chain),
}

/// The kernel of a row that is for all which have its variant.
const EVERY: &str = "*";

impl TuningRow {
    /// Whether the row is for this kernel, adapter class and shape.
    fn matches(&self, kernel: &Kernel, target: &Target, params: &Params) -> bool {
        let within = |(name, [low, high]): (&String, &[u32; 2])| {
            let value = params.0.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
            matches!(value, Some(Value::U32(v)) if (*low..=*high).contains(&v))
        };
        (self.kernel == kernel.name || self.kernel == EVERY)
            && self.class.as_deref().is_none_or(|c| c == target.adapter.class.name())
            && self.precision.as_deref().is_none_or(|p| p == target.options.precision.name())
            && self
                .mesa
                .is_none_or(|[low, high]| target.adapter.mesa.is_some_and(|version| (low..=high).contains(&version)))
            && self.shapes.iter().all(within)
    }
}

/// What a command asks of a variant besides its constants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Arguments that hold 16-bit floats.
    pub halves: &'a [&'a str],
    /// Optional arguments that are given.
    pub given: &'a [&'a str],
}

/// How `kernel` is computed on `target` with these constants and arguments: a forced variant or chain, else the first row of
/// the target's own rows, then of the shipped table, that can run them, else `naive`.
///
/// # Errors
/// A forced variant that does not exist or cannot run the constants.
pub fn choose(
    kernel: &'static Kernel,
    target: &Target,
    scope: &str,
    params: &Params,
    wanted: &Wanted,
) -> Result<Choice, Error> {
    // The last force wins, so that a command line can refine `*=naive`.
    for (name, text) in target.options.forced.iter().rev() {
        if name == kernel.name {
            let found = forced(kernel, text)?;
            return match found.supports(kernel, target, params, wanted) {
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
            && found.supports(kernel, target, params, wanted).is_ok()
        {
            return Ok(found);
        }
    }
    if let Some(found) = by_rows(kernel, target, params, wanted) {
        return Ok(found);
    }
    let naive = Choice::Variant(&kernel.variants[0], vec![]);
    match naive.takes(kernel, params, wanted) {
        Ok(()) => Ok(naive),
        Err(reason) => Err(Error::Unsupported {
            scope: scope.into(),
            variant: format!("{}=naive", kernel.name),
            reason: reason.into(),
        }),
    }
}

/// The first row that can run these constants.
fn by_rows(kernel: &'static Kernel, target: &Target, params: &Params, wanted: &Wanted) -> Option<Choice> {
    let rows = target.options.rows.iter().chain(shipped()).filter(|r| r.matches(kernel, target, params));
    let choices = rows.filter_map(|row| {
        let knobs: Vec<(String, u32)> = row.knobs.iter().map(|(k, v)| (k.clone(), *v)).collect();
        find(kernel, &row.variant, &knobs)
    });
    choices.into_iter().find(|found| found.supports(kernel, target, params, wanted).is_ok())
}

/// Whether `kernel` is to do what the optional arguments ask for, instead of kernels of their own: the variant that a row names
/// for what is left without them takes them, and so does the one that is forced by the kernel's name, if any.
///
/// # Errors
/// A forced variant that does not exist.
pub fn takes(kernel: &'static Kernel, target: &Target, params: &Params, wanted: &Wanted) -> Result<bool, Error> {
    let forced_too = match target.options.forced.iter().rev().find(|(name, _)| name == kernel.name) {
        Some((_, text)) => forced(kernel, text)?.supports(kernel, target, params, wanted).is_ok(),
        None => true,
    };
    let found = by_rows(kernel, target, params, &Wanted { given: &[], ..*wanted });
    Ok(forced_too && found.is_some_and(|found| found.supports(kernel, target, params, wanted).is_ok()))
}

/// Kernels, names that variants of theirs had in earlier versions, and those that they have now.
const FORMER: [(&str, &str, &str); 6] = [
    ("conv2d.forward", "coop_signs", "coop_ternary"),
    ("conv2d.grad_input", "coop_signs", "coop_ternary"),
    ("conv2d.grad_input", "few", "pointwise"),
    ("conv2d.grad_weight", "few", "pointwise"),
    ("conv2d.grad_weight", "texels", "lanes"),
    ("conv2d.grad_weight", "texels_any", "lanes_any"),
];

/// The present name of a variant of a kernel.
pub fn present_name<'a>(kernel: &str, variant: &'a str) -> &'a str {
    let renamed = FORMER.iter().find(|(of, former, _)| *of == kernel && *former == variant);
    renamed.map_or(variant, |(_, _, now)| now)
}

/// The variant or chain of this name, or of the name that it had once.
fn find(kernel: &'static Kernel, name: &str, knobs: &[(String, u32)]) -> Option<Choice> {
    let name = present_name(kernel.name, name);
    let variant = || kernel.variant(name).map(|v| Choice::Variant(v, knobs.to_vec()));
    variant().or_else(|| kernel.chains().find(|c| c.name == name).map(Choice::Chain))
}

impl Choice {
    /// Whether it can have these arguments.
    fn takes(&self, kernel: &Kernel, params: &Params, wanted: &Wanted) -> Result<(), &'static str> {
        let holds = |name: &&str| match self {
            Choice::Variant(v, _) => kernel.maps(v).any(|map| map == *name),
            Choice::Chain(c) => c.maps.contains(name),
        };
        let takes = |name: &&str| match self {
            Choice::Variant(v, _) => Knobs::arguments(kernel.source(v)).contains(name),
            Choice::Chain(c) => (c.takes)(params).contains(name),
        };
        if !wanted.halves.iter().all(holds) {
            return Err("it does not read or write 16-bit floats");
        }
        if wanted.given.iter().all(takes) { Ok(()) } else { Err("it does not take the optional arguments") }
    }

    fn supports(&self, kernel: &Kernel, target: &Target, params: &Params, wanted: &Wanted) -> Result<(), &'static str> {
        self.takes(kernel, params, wanted)?;
        match self {
            Choice::Variant(v, knobs) => {
                (v.supports)(target, params)?;
                matrices::fits(kernel, v, target, knobs)
            }
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
        Choice::Variant(variant, _) => Knobs::declared(kernel.source(variant)),
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

/// Parses and checks a table; `file` is named, with the line, in what is wrong with it.
///
/// # Errors
/// No TOML, or rows that [`check`] finds fault with.
pub fn read(file: &std::path::Path, text: &str) -> Result<Vec<TuningRow>, Error> {
    let rows = parse(text).map_err(|e| Error::format(file, format!("no tuning table: {e}")))?;
    let starts = text.lines().enumerate().filter(|(_, l)| l.trim_start().starts_with("[[row]]")).map(|(i, _)| i + 1);
    let lines: Vec<usize> = starts.collect();
    let at = |i: usize| lines.get(i).map_or(String::new(), |l| format!("line {l}: "));
    let bad: Vec<String> = rows
        .iter()
        .enumerate()
        .flat_map(|(i, row)| check(std::slice::from_ref(row)).into_iter().map(move |b| (i, b)))
        .map(|(i, b)| format!("{}{b}", at(i)))
        .collect();
    if bad.is_empty() { Ok(rows) } else { Err(Error::format(file, bad.join("; "))) }
}

/// What is wrong with a table: unknown kernels, classes, variants, knobs, values outside the allowed ones.
pub fn check(rows: &[TuningRow]) -> Vec<String> {
    let mut bad = vec![];
    for row in rows {
        let at = format!("tuning row {} {}", row.kernel, row.variant);
        match row.class.as_deref() {
            // What tables said once.
            Some("coop_matrix") => bad.push(format!(
                "{at}: there is no class \"coop_matrix\" any more; write class = \"gpu\", or no class and a precision for a \
                 variant that multiplies matrices, which is taken wherever the adapter has them"
            )),
            Some("discrete") => {
                bad.push(format!("{at}: there is no class \"discrete\" any more; write class = \"gpu\""));
            }
            Some(c) if AdapterClass::ALL.iter().all(|known| known.name() != c) => {
                bad.push(format!("{at}: unknown class \"{c}\"; it may be software or gpu"));
            }
            _ => {}
        }
        if row.precision.as_deref().is_some_and(|p| !["f32", "f16", "split"].contains(&p)) {
            bad.push(format!("{at}: unknown precision {:?}", row.precision));
        }
        if row.mesa.is_some_and(|[low, high]| low.is_nan() || high.is_nan() || low > high) {
            bad.push(format!("{at}: `mesa` is no range of versions; write mesa = [22.0, 24.3], or [25.0, inf]"));
        }
        if row.kernel == EVERY {
            if super::KERNELS.iter().all(|kernel| kernel.variant(present_name(kernel.name, &row.variant)).is_none()) {
                bad.push(format!("{at}: unknown variant"));
            }
            if !row.knobs.is_empty() || !row.shapes.is_empty() {
                bad.push(format!("{at}: a row for every kernel has neither knobs nor `where`"));
            }
            continue;
        }
        let kernel = match super::find(&row.kernel) {
            Ok(kernel) => kernel,
            Err(e) => {
                bad.push(format!("{at}: unknown kernel: {e}"));
                continue;
            }
        };
        let known: Vec<&str> =
            (kernel.cases)().first().and_then(|c| c.build(&Target::baseline()).ok()).map_or_else(Vec::new, |built| {
                let of_kernel = built.plan.dispatches().find(|c| c.kernel == kernel.name);
                of_kernel.map_or_else(Vec::new, |c| c.params.0.iter().map(|(n, _)| *n).collect())
            });
        bad.extend(
            row.shapes
                .iter()
                .filter(|(n, _)| !known.contains(&n.as_str()))
                .map(|(name, _)| format!("{at}: `where` names {name}, which is no constant of the kernel")),
        );
        let declared = match find(kernel, &row.variant, &[]) {
            Some(Choice::Variant(variant, _)) => Knobs::declared(kernel.source(variant)),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn variant(rows: &str, params: &Params) -> &'static str {
        let rows = read(Path::new("own.toml"), rows).unwrap();
        let mut target = Target::baseline();
        target.options.rows = rows;
        match choose(super::super::find("relu.forward").unwrap(), &target, "t", params, &Wanted::default()).unwrap() {
            Choice::Variant(v, _) => v.name,
            Choice::Chain(c) => c.name,
        }
    }

    #[test]
    fn the_rows_of_a_target_come_before_the_shipped_ones_where_they_hold() {
        let n = |n: u32| Params(vec![("len", n.into())]);
        assert_eq!(variant("row = []", &n(64)), "vec4");
        let own = "[[row]]\nkernel = \"relu.forward\"\nvariant = \"naive\"\nwhere = { len = [1, 100] }\n";
        assert_eq!(variant(own, &n(64)), "naive");
        assert_eq!(variant(own, &n(128)), "vec4");
    }

    #[test]
    fn a_row_for_some_versions_of_mesa_holds_in_them_alone() {
        let params = Params(vec![("len", 64u32.into())]);
        let rows = "[[row]]\nkernel = \"relu.forward\"\nvariant = \"naive\"\nmesa = [22.0, 24.3]\n";
        let rows = read(Path::new("own.toml"), rows).unwrap();
        for (mesa, name) in [(Some(22.3), "naive"), (Some(24.3), "naive"), (Some(25.0), "vec4"), (None, "vec4")] {
            let mut target = Target::baseline().with(|a| a.mesa = mesa);
            target.options.rows = rows.clone();
            let chosen =
                choose(super::super::find("relu.forward").unwrap(), &target, "t", &params, &Wanted::default()).unwrap();
            let chosen = match chosen {
                Choice::Variant(v, _) => v.name,
                Choice::Chain(c) => c.name,
            };
            assert_eq!(chosen, name, "{mesa:?}");
        }
    }

    #[test]
    fn a_table_of_nothing_has_no_rows_and_a_misspelt_one_is_refused() {
        for text in ["", "\n \n", "# nothing yet\n", "\u{feff}# nothing yet\n"] {
            assert_eq!(read(Path::new("own.toml"), text).unwrap(), [], "{text:?}");
        }
        assert!(read(Path::new("own.toml"), "[[rows]]\n").unwrap_err().to_string().contains("rows"));
    }

    #[test]
    fn names_that_variants_had_once_still_find_them() {
        for (kernel, former, now) in FORMER {
            match find(super::super::find(kernel).unwrap(), former, &[]) {
                Some(Choice::Variant(v, _)) => assert_eq!(v.name, now),
                _ => panic!("{kernel} {former}"),
            }
        }
    }

    #[test]
    fn a_row_is_written_as_it_is_read() {
        let row = TuningRow {
            kernel: "relu.forward".into(),
            class: Some("software".into()),
            precision: Some("f32".into()),
            mesa: Some([25.0, f64::INFINITY]),
            variant: "vec4".into(),
            shapes: [("len".to_owned(), [1, 5])].into(),
            knobs: [("A".to_owned(), 2), ("B".to_owned(), 4)].into(),
            measured: "1.5 us \"here\"".into(),
        };
        assert_eq!(parse(&(row.to_toml() + &TuningRow::default().to_toml())).unwrap()[0], row);
    }

    #[test]
    fn classes_of_former_tables_are_errors_that_say_what_to_write() {
        let of = |class: &str| {
            let text = format!("[[row]]\nkernel = \"relu.forward\"\nclass = \"{class}\"\nvariant = \"vec4\"\n");
            read(Path::new("own.toml"), &text).map(|rows| rows.len()).map_err(|e| e.to_string())
        };
        assert_eq!((of("software"), of("gpu")), (Ok(1), Ok(1)));
        for class in ["coop_matrix", "discrete"] {
            let e = of(class).unwrap_err();
            assert!(e.contains("own.toml: line 1") && e.contains(class) && e.contains("class = \"gpu\""), "{e}");
        }
        assert!(of("cpu").unwrap_err().contains("may be software or gpu"));
    }

    #[test]
    fn what_is_wrong_with_a_table_is_named_with_its_line() {
        let read = |text: &str| read(Path::new("own.toml"), text).unwrap_err().to_string();
        let two = "[[row]]\nkernel = \"relu.forward\"\nvariant = \"vec4\"\n[[row]]\nkernel = \"relu.forward\"\nvariant = \"x\"\n";
        let e = read(two);
        assert!(e.starts_with("own.toml: line 4") && e.contains("unknown variant"), "{e}");
        let e = read("[[row]]\nkernel = \"relu.forward\"\nvariant = \"vec4\"\nmesa = [25.0, 22.0]\n");
        assert!(e.contains("mesa = [22.0, 24.3]"), "{e}");
        let e = read("[[row]]\nkernel = relu\n");
        assert!(e.contains("own.toml") && e.contains("line 2"), "{e}");
    }
}
