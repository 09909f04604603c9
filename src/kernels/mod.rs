//! What each kernel computes: arguments, constants, variants in WGSL, the f64 twin that specifies it, its error budget
//! and its test cases. One file per shader folder; `KERNELS` is the table of all.

pub mod case;
pub mod tuning;
mod twin;

pub mod add;
pub mod augment;
pub mod avgpool;
pub mod batch;
pub mod batchnorm;
pub mod bias;
pub mod conv2d;
pub mod crops;
pub mod dropout;
mod flat;
pub mod loss;
pub mod matrices;
pub mod maxpool;
pub mod metric;
pub mod norm_relu;
pub mod optimizer;
pub mod pad_channels;
pub mod parameters;
pub mod pool;
pub mod project;
pub mod quantile;
pub mod relu;
pub mod roof;
pub mod shaders;
pub mod softmax_ce;
pub mod square_hinge;
pub mod statistics;
pub mod texels;
pub mod winograd;
pub mod winograd_grad;

pub use twin::{Budget, Io, Scalars, Terms, Values, half_step, nearest_half};

use crate::error::{Error, Result};
use crate::plan::{Access, Arg, Builder, Command, Dispatch, Elem, Layout, Params, Target, Value, View};

/// Every kernel.
pub static KERNELS: &[&Kernel] = &[
    &conv2d::FORWARD,
    &conv2d::GRAD_INPUT,
    &conv2d::GRAD_WEIGHT,
    &winograd::WEIGHTS,
    &winograd::INPUT_TRANSFORM,
    &winograd::MULTIPLY,
    &winograd_grad::INPUT_ROWS,
    &winograd_grad::GRAD_ROWS,
    &winograd_grad::ACCUMULATE,
    &winograd_grad::GRAD_WEIGHT,
    &conv2d::split_k::SUM,
    &conv2d::unfold::UNFOLD,
    &conv2d::unfold::FOLD,
    &relu::FORWARD,
    &relu::BACKWARD,
    &bias::FORWARD,
    &bias::GRAD,
    &batchnorm::PARTIAL,
    &batchnorm::COMBINE,
    &batchnorm::FORWARD,
    &batchnorm::GRAD_PARTIAL,
    &batchnorm::GRAD_COMBINE,
    &batchnorm::BACKWARD,
    &norm_relu::TABLE_OF,
    &norm_relu::FORWARD,
    &norm_relu::GRAD_PARTIAL,
    &norm_relu::BACKWARD,
    &norm_relu::BACKWARD_POOL,
    &maxpool::FORWARD,
    &maxpool::BACKWARD,
    &avgpool::FORWARD,
    &avgpool::BACKWARD,
    &add::FORWARD,
    &add::ASSIGN,
    &pad_channels::APPLY,
    &dropout::APPLY,
    &batch::GATHER,
    &batch::GATHER_BYTES,
    &augment::APPLY,
    &augment::RESAMPLE,
    &square_hinge::FORWARD_BACKWARD,
    &softmax_ce::FORWARD_BACKWARD,
    &crops::MEAN,
    &metric::REDUCE,
    &statistics::MAXIMA,
    &statistics::ALPHA,
    &statistics::PARTIAL,
    &statistics::COMBINE,
    &quantile::BEGIN,
    &quantile::COUNT,
    &quantile::PICK,
    &project::APPLY,
    &optimizer::ADAM,
    &optimizer::LION,
    &optimizer::SGD,
    &optimizer::SUM,
    &roof::FMA,
    &roof::MATRIX,
    &roof::COPY,
    &roof::DISPATCH,
];

/// Every chain.
pub static CHAINS: &[&Chain] =
    &[&winograd::FORWARD, &winograd::GRAD_INPUT, &winograd_grad::WINOGRAD, &conv2d::split_k::SPLIT_K];

/// Kernels of earlier versions, and those that do their work.
const FORMER: [(&str, &str); 5] = [
    ("conv2d.forward_partial", "conv2d.forward"),
    ("conv2d.forward_statistics", "conv2d.forward"),
    ("conv2d.forward_normalised", "conv2d.forward"),
    ("conv2d.forward_normalised_statistics", "conv2d.forward"),
    ("conv2d.grad_weight_normalised", "conv2d.grad_weight"),
];

/// The kernel that does the work of `name`, a present or former one.
pub fn present_name(name: &str) -> &str {
    FORMER.iter().find(|(former, _)| *former == name).map_or(name, |(_, now)| now)
}

/// The kernel called `name`, with the nearest names if there is none.
///
/// # Errors
/// An unknown name.
pub fn find(name: &str) -> Result<&'static Kernel> {
    KERNELS.iter().copied().find(|k| k.name == name).ok_or_else(|| {
        let near = match FORMER.iter().find(|(former, _)| *former == name) {
            Some((_, now)) => format!(" It is {now} now, with other arguments."),
            None => crate::error::suggest(name, KERNELS.iter().map(|k| k.name)),
        };
        Error::Invalid(format!("there is no kernel \"{name}\".{near}"))
    })
}

/// An argument in a kernel's signature.
#[derive(Clone, Copy, Debug)]
pub struct ArgSpec {
    /// Name of the WGSL variable.
    pub name: &'static str,
    /// Element type; a shader may bind f32 as `vec4<f32>`, and declare that it may be f16 ([`map_of`]).
    pub elem: Elem,
    /// How it is used.
    pub access: Access,
    /// When it is there.
    pub presence: Presence,
}

/// When an argument is there.
#[derive(Clone, Copy, Debug)]
pub enum Presence {
    /// In every dispatch.
    Always,
    /// Where it is given ([`optional`]), which brings these floating-point operations.
    Optional(fn(&Params) -> f64),
    /// Where this optional argument is given.
    With(&'static str),
    /// Where this optional argument is not given: the line that binds it ends in `// unless NAME`.
    Without(&'static str),
}

impl ArgSpec {
    /// Whether it may be left out.
    pub fn is_optional(&self) -> bool {
        matches!(self.presence, Presence::Optional(_))
    }

    /// Whether it is there, where `given` tells which optional arguments are.
    pub fn is_there(&self, given: impl Fn(&str) -> bool) -> bool {
        match self.presence {
            Presence::Always => true,
            Presence::Optional(_) => given(self.name),
            Presence::With(other) => given(other),
            Presence::Without(other) => !given(other),
        }
    }
}

/// An argument that may be left out; `flop` counts what it brings. The variants that can take it choose a piece by its name,
/// which binds it: `// include PATH if NAME else PATH`.
pub const fn optional(spec: ArgSpec, flop: fn(&Params) -> f64) -> ArgSpec {
    ArgSpec { presence: Presence::Optional(flop), ..spec }
}

/// An argument that comes with the optional one called `other`.
pub const fn with(other: &'static str, spec: ArgSpec) -> ArgSpec {
    ArgSpec { presence: Presence::With(other), ..spec }
}

/// An argument in the place of which stands the optional one called `other` where that is given.
pub const fn without(other: &'static str, spec: ArgSpec) -> ArgSpec {
    ArgSpec { presence: Presence::Without(other), ..spec }
}

/// An f32 input.
pub const fn read(name: &'static str) -> ArgSpec {
    ArgSpec { name, elem: Elem::F32, access: Access::Read, presence: Presence::Always }
}

/// A u32 input.
pub const fn read_u32(name: &'static str) -> ArgSpec {
    ArgSpec { elem: Elem::U32, ..read(name) }
}

/// An f32 output, every element of which the kernel writes.
pub const fn write(name: &'static str) -> ArgSpec {
    ArgSpec { access: Access::Write, ..read(name) }
}

/// A u32 output.
pub const fn write_u32(name: &'static str) -> ArgSpec {
    ArgSpec { elem: Elem::U32, ..write(name) }
}

/// An f32 argument that is read and changed.
pub const fn update(name: &'static str) -> ArgSpec {
    ArgSpec { access: Access::ReadWrite, ..read(name) }
}

/// A u32 argument that is read and changed.
pub const fn update_u32(name: &'static str) -> ArgSpec {
    ArgSpec { elem: Elem::U32, ..update(name) }
}

/// The step block.
pub const STEP: ArgSpec = ArgSpec { elem: Elem::U32, access: Access::Uniform, ..read("step") };

/// One way to compute a kernel: a WGSL file, which its name finds ([`Kernel::file`]), and the rule of its grid.
pub struct Variant {
    /// `naive`, `vec4`, `lanes`, ...
    pub name: &'static str,
    /// Whether it can run these constants on this target; the text says why not.
    pub supports: Supports,
    /// Workgroups, from the constants and the values of the knobs (see [`Knobs`]).
    pub grid: Grid,
    /// How many times its kernel's error budget it may use.
    pub error_factor: f64,
    /// The arguments that it reads from textures group by group ([`Variant::by_group`]).
    by_group: &'static [(&'static str, &'static str)],
    /// The variant whose file it has, if it has none of its own, and the constants that it sets there ([`Variant::of`]).
    shares: Option<(&'static str, &'static [(&'static str, u32)])>,
}

/// See [`Variant::supports`].
pub type Supports = fn(&Target, &Params) -> std::result::Result<(), &'static str>;

/// See [`Variant::grid`].
pub type Grid = fn(&Params, &Knobs) -> [u32; 3];

impl Variant {
    /// A variant in f32.
    pub const fn new(name: &'static str, supports: Supports, grid: Grid) -> Self {
        Variant { name, supports, grid, error_factor: 1.0, by_group: &[], shares: None }
    }

    /// The same in the file of another variant, with these values of what that declares as `const NAME: u32 = 1u; // variant 1 2`:
    /// constants that no one else sets.
    pub const fn of(self, other: &'static str, constants: &'static [(&'static str, u32)]) -> Self {
        Variant { shares: Some((other, constants)), ..self }
    }

    /// The same with these arguments group by group in their textures ([`Layout::ByGroup`]): the name of each, and of the constant that
    /// says how many channels a group of it has.
    pub const fn by_group(self, arguments: &'static [(&'static str, &'static str)]) -> Self {
        Variant { by_group: arguments, ..self }
    }

    /// How an argument that it reads from a texture lies there.
    fn layout(&self, argument: &str, params: &Params) -> Layout {
        let channels = self.by_group.iter().find(|(name, _)| *name == argument);
        channels.map_or(Layout::InOrder, |(_, c)| texels::by_group(params, c))
    }

    /// The variant whose file it has.
    pub(crate) fn file(&self) -> &'static str {
        self.shares.map_or(self.name, |(other, _)| other)
    }

    /// The constants that it sets in its file.
    pub fn constants(&self) -> impl Iterator<Item = (String, u32)> {
        let constants = self.shares.map_or(&[][..], |(_, constants)| constants);
        constants.iter().map(|(name, value)| ((*name).to_owned(), *value))
    }

    /// Whether it sets this constant, which nobody else does then.
    pub fn sets(&self, constant: &str) -> bool {
        self.constants().any(|(name, _)| name == constant)
    }

    /// The same with matrices of f16. Both factors of every product are rounded to f16, by 2^-10 each where the conversion
    /// truncates: 4 * 2^-11 S, and the budget of a sum is 8 * 2^-24 S.
    pub const fn in_halves(self) -> Self {
        Variant { error_factor: 4096.0, ..self }
    }

    /// The same with factors in two parts of f16: 22 bits of both are kept, and matrices may truncate where they add.
    pub const fn in_parts(self) -> Self {
        Variant { error_factor: 4.0, ..self }
    }
}

/// The argument whose elements the line declares, if it is one of an array that may hold 16-bit floats: that of
/// `alias X = f32; // map x`, and every texture.
pub fn map_of(line: &str) -> Option<&str> {
    let aliased = line.starts_with("alias ").then(|| line.split_once("= f32; // map ")).flatten();
    aliased.map(|(_, name)| name).or_else(|| texels::declared(line).first().copied())
}

/// How the line ends that declares the constants of a shader that wants them baked in.
pub const BAKED: &str = "var<uniform> params: Params; // baked";

/// A variant of a kernel that consists of several commands of other kernels, e.g. a convolution by Winograd's algorithm.
/// It is chosen, forced and checked as any variant; each of its commands has its own twin besides.
pub struct Chain {
    /// The kernel that it computes.
    pub kernel: &'static str,
    /// Its name among the kernel's variants.
    pub name: &'static str,
    /// The arguments that may hold 16-bit floats.
    pub maps: &'static [&'static str],
    /// The optional arguments that it can take with these constants.
    pub takes: fn(&Params) -> &'static [&'static str],
    /// Whether it can run these constants on this target; the text says why not.
    pub supports: fn(&Target, &Params) -> std::result::Result<(), &'static str>,
    /// Appends the commands: scope, constants and arguments are those of the kernel.
    pub record: Record,
}

/// See [`Chain::record`].
pub type Record = fn(&mut Builder, &str, &Params, &[(&'static str, View)]) -> Result<()>;

/// No condition: the variant runs everywhere.
pub fn anywhere(_: &Target, _: &Params) -> std::result::Result<(), &'static str> {
    Ok(())
}

/// Values of the tunable constants of a shader: `const NAME: u32 = 4u; // knob 2 4 8`, `const NAME: bool = false; // knob` (0 or 1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Knobs(pub Vec<(String, u32)>);

/// Name of a constant, its default, the values that it may take.
pub type Constant = (String, u32, Vec<u32>);

/// What a target says about a constant that is no knob, if it says anything.
type Fact = fn(&Target) -> Option<u32>;

/// How lines end whose constant is a fact of the adapter.
const FACTS: [(&str, Fact); 4] = [
    ("// subgroup", |t| t.adapter.subgroup),
    ("// matrix", |t| t.adapter.matrices.map(|m| m.size)),
    ("// scalars", |t| t.adapter.matrices.map(|m| m.scalars.into())),
    ("// gathers", |t| Some(t.adapter.gathers().into())),
];

impl Knobs {
    /// The knobs that a shader file declares.
    pub fn declared(source: &str) -> Vec<Constant> {
        source.lines().filter_map(|line| Self::constant(line, "// knob")).collect()
    }

    /// The constants of a shader file that are facts of the adapter: `const LANES: u32 = 8u; // subgroup 8 16` is the size of its
    /// subgroups, `const MATRIX: u32 = 16u; // matrix 8 16` that of its matrices, and `const SCALARS: bool = false; // scalars` says
    /// how these are loaded; `const GATHERS: bool = false; // gathers` whether buffers are as good as textures ([`texels`]). They are
    /// set with the knobs, and are none: nobody chooses them. Nor do they choose
    /// [`arguments`](Knobs::arguments), which are facts of a command.
    pub fn facts(source: &str) -> Vec<Constant> {
        let given = Self::arguments(source).into_iter().map(|name| (name.to_owned(), 0, vec![0, 1]));
        source.lines().filter_map(Self::fact).map(|(constant, _)| constant).chain(given).collect()
    }

    /// The optional arguments that a shader file can take: the names in lower case by which it chooses between pieces. As
    /// constants they are 1 where the argument is given.
    pub fn arguments(source: &str) -> Vec<&str> {
        let includes = source.lines().filter_map(|l| l.strip_prefix("// include ")?.split_once(" if "));
        let names = includes.filter_map(|(_, condition)| condition.split(' ').next());
        let mut names: Vec<&str> = names.filter(|n| n.starts_with(|c: char| c.is_ascii_lowercase())).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn fact(line: &str) -> Option<(Constant, Fact)> {
        FACTS.iter().find_map(|(marker, fact)| Some((Self::constant(line, marker)?, *fact)))
    }

    /// What a target makes of the facts that a shader file declares, where that differs from their defaults.
    pub fn of_target(source: &str, target: &Target) -> Vec<(String, u32)> {
        let of = |((name, default, allowed), fact): (Constant, Fact)| {
            let value = fact(target).filter(|v| *v != default && allowed.contains(v))?;
            Some((name, value))
        };
        source.lines().filter_map(Self::fact).filter_map(of).collect()
    }

    /// Knobs, facts, and what the variants of one file differ in.
    pub fn all(source: &str) -> Vec<Constant> {
        let of_variants = source.lines().filter_map(|line| Self::constant(line, "// variant"));
        Self::constants(source).into_iter().chain(of_variants).collect()
    }

    /// Knobs and facts.
    pub fn constants(source: &str) -> Vec<Constant> {
        Self::declared(source).into_iter().chain(Self::facts(source)).collect()
    }

    fn constant(line: &str, marker: &str) -> Option<Constant> {
        let (code, allowed) = line.split_once(marker)?;
        let (name, value) = code.trim().strip_prefix("const ")?.split_once(':')?;
        let value = match value.split_once('=')?.1.trim().trim_end_matches(';') {
            "false" => 0,
            "true" => 1,
            number => number.trim_end_matches('u').parse().ok()?,
        };
        let allowed = match allowed.trim() {
            "" => vec![0, 1],
            values => values.split_whitespace().map(|v| v.parse().ok()).collect::<Option<_>>()?,
        };
        Some((name.trim().to_owned(), value, allowed))
    }

    /// Every combination of the values that these constants may take.
    pub fn combinations(constants: &[Constant]) -> Vec<Knobs> {
        let mut all = vec![Knobs::default()];
        for (name, _, allowed) in constants {
            let with = |k: &Knobs, v: u32| Knobs(k.0.iter().cloned().chain([(name.clone(), v)]).collect());
            all = all.iter().flat_map(|k| allowed.iter().map(move |&v| (k, v))).map(|(k, v)| with(k, v)).collect();
        }
        all
    }

    /// The values of all constants of a shader file, where `set` names those that differ from their defaults.
    pub fn full(source: &str, set: &[(String, u32)]) -> Knobs {
        let value = |(name, default, _): Constant| {
            let set = set.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
            (name, set.unwrap_or(default))
        };
        Knobs(Self::constants(source).into_iter().map(value).collect())
    }

    /// Value of a knob.
    ///
    /// # Panics
    /// If the shader declares no such knob: a bug in the variant's grid rule.
    pub fn get(&self, name: &str) -> u32 {
        self.0.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no knob {name}")).1
    }
}

/// Work of one dispatch, for the profile: counted from the constants, not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Floating-point operations (a multiply-add counts two).
    pub flop: f64,
    /// Bytes that must move at least: every argument once.
    pub bytes: f64,
}

/// A kernel: what it computes, in every way it can be computed.
pub struct Kernel {
    /// `folder.verb`.
    pub name: &'static str,
    /// Arguments, by the names of the WGSL variables.
    pub args: &'static [ArgSpec],
    /// Variants; the first, `naive`, runs everywhere.
    pub variants: &'static [Variant],
    /// The specification: computes the outputs in f64 from the inputs.
    pub twin: fn(&mut Io),
    /// How far a variant may be from the twin.
    pub budget: Budget,
    /// Floating-point operations of a dispatch.
    pub flop: fn(&Params) -> f64,
    /// The test cases.
    pub cases: fn() -> Vec<case::Case>,
}

impl Kernel {
    /// The variant called `name`.
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|v| v.name == name)
    }

    /// The chains that compute this kernel.
    pub fn chains(&self) -> impl Iterator<Item = &'static Chain> {
        CHAINS.iter().copied().filter(|c| c.kernel == self.name)
    }

    /// Counted work of a dispatch of this kernel.
    pub fn work(&self, c: &Dispatch) -> Work {
        let bytes = through_memory(&c.args);
        let given = self.args.iter().filter(|spec| c.args.iter().any(|a| a.name == spec.name));
        let flop = |spec: &ArgSpec| if let Presence::Optional(flop) = spec.presence { flop(&c.params) } else { 0.0 };
        let besides: f64 = given.map(flop).sum();
        Work { flop: (self.flop)(&c.params) + besides, bytes }
    }

    /// The names of its optional arguments among these.
    pub fn given<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let optional = |name: &&str| self.args.iter().any(|spec| spec.name == *name && spec.is_optional());
        names.into_iter().filter(optional).collect()
    }

    /// Appends this kernel to the plan: picks variant and knobs for the builder's target, checks the arguments against
    /// the signature, computes the grid. A chain appends its commands; arguments that the shader reads as textures are
    /// copied first.
    ///
    /// # Errors
    /// A forced variant that does not exist or cannot run these constants; a view that cannot be bound.
    ///
    /// # Panics
    /// If `args` are not those of the signature ([`Presence`]): a bug in the record function.
    pub fn dispatch(
        &'static self,
        b: &mut Builder,
        scope: &str,
        params: &[(&'static str, Value)],
        args: &[(&'static str, View)],
    ) -> Result<()> {
        let params = Params(params.to_vec());
        let known = |(name, _): &(&str, View)| self.args.iter().any(|spec| spec.name == *name);
        assert!(args.iter().all(known), "{scope}: arguments of {}", self.name);
        let given = self.given(args.iter().map(|(name, _)| *name));
        let is_half = |(_, view): &&(&str, View)| b.elem(*view) == Elem::F16;
        let halves: Vec<&str> = args.iter().filter(is_half).map(|(name, _)| *name).collect();
        let (variant, knobs) = match tuning::choose(
            self,
            &b.target,
            scope,
            &params,
            &tuning::Wanted { halves: &halves, given: &given },
        )? {
            tuning::Choice::Chain(chain) => return (chain.record)(b, scope, &params, args),
            tuning::Choice::Variant(variant, knobs) => (variant, knobs),
        };
        let source = self.source(variant);
        let as_knobs = given.iter().map(|name| ((*name).to_owned(), 1));
        let mut facts = Knobs::of_target(source, &b.target);
        facts.retain(|(name, _)| !variant.sets(name));
        let knobs: Vec<_> = knobs.into_iter().chain(facts).chain(as_knobs).collect();
        let arrays = texels::arrays(source, &knobs);
        let mut textures = texels::declared(source);
        textures.retain(|name| !arrays.contains(name));
        let args = self
            .args
            .iter()
            .filter_map(|spec| {
                let view = args.iter().find(|(n, _)| *n == spec.name).map(|(_, view)| *view);
                let there = spec.is_there(|name| given.contains(&name));
                assert_eq!(view.is_some(), there, "{scope}: `{}` of {}", spec.name, self.name);
                Some((spec, view?))
            })
            .map(|(spec, view)| {
                let view = if textures.contains(&spec.name) {
                    texels::copy(b, scope, view, variant.layout(spec.name, &params))?
                } else {
                    view
                };
                Ok(Arg { name: spec.name, view, elem: b.elem(view), access: spec.access })
            })
            .collect::<Result<_>>()?;
        let grid = (variant.grid)(&params, &Knobs::full(source, &knobs));
        let (scope, kernel, variant) = (scope.into(), self.name, variant.name);
        b.push(Command::Dispatch(Dispatch { scope, kernel, variant, knobs, params, args, grid }))
    }
}

/// Counted work of a command.
///
/// # Errors
/// An unknown kernel.
pub fn work(command: &Command) -> Result<Work> {
    match command {
        Command::Dispatch(d) => Ok(find(d.kernel)?.work(d)),
        Command::Copy { args, .. } => Ok(Work { flop: 0.0, bytes: through_memory(args) }),
    }
}

/// Bytes that arguments move.
fn through_memory(args: &[Arg]) -> f64 {
    args.iter().map(|a| a.bytes() * if a.access == Access::ReadWrite { 2 } else { 1 }).sum::<usize>() as f64
}

/// A grid of at least `workgroups` in x and y, for `linear_workgroup` of `shaders/common/grid.wgsl`: one row while it
/// fits the limit of 65,535, near-square rows beyond.
pub fn linear_grid(workgroups: usize) -> [u32; 3] {
    let x = workgroups.min(if workgroups <= 65_535 { workgroups } else { 32_768 }).max(1);
    [x as u32, workgroups.div_ceil(x).max(1) as u32, 1]
}
