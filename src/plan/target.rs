//! What a plan is built for, as plain data: an adapter, and what is asked for.

use serde::{Deserialize, Serialize};

use super::{Elem, TuningRow};

/// Class of adapter that a row of the tuning table may be limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterClass {
    /// A driver that runs on the CPU (lavapipe, SwiftShader, WARP).
    Software,
    /// A GPU.
    Gpu,
}

impl AdapterClass {
    /// Every class.
    pub const ALL: [AdapterClass; 2] = [AdapterClass::Software, AdapterClass::Gpu];

    /// The name used in `shaders/tuning.toml`.
    pub fn name(self) -> &'static str {
        match self {
            AdapterClass::Software => "software",
            AdapterClass::Gpu => "gpu",
        }
    }
}

/// How convolutions and linear layers compute, and how activations are stored. Weights, gradients, sums and logits are f32
/// always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// f32.
    #[default]
    F32,
    /// Activations are stored as f16. Products of numbers rounded to f16, where the adapter has matrices of them and the
    /// channels allow; elsewhere of f32.
    F16,
    /// Products of sums of two numbers of f16 each, near f32, where the adapter has matrices of f16 and the channels allow.
    /// Activations are f32.
    Split,
}

impl Precision {
    /// The name used in presets and in `shaders/tuning.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
            Precision::Split => "split",
        }
    }
}

/// The limits of an adapter that shape a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest view that may be bound, bytes.
    pub max_binding: usize,
    /// Largest buffer, bytes.
    pub max_buffer: usize,
    /// Required alignment of the start of a bound view, bytes.
    pub offset_alignment: usize,
    /// Largest number of workgroups in one dimension.
    pub max_workgroups: u32,
    /// Largest number of invocations in a workgroup.
    pub max_invocations: u32,
    /// Largest memory of a workgroup, bytes.
    pub max_workgroup_memory: usize,
    /// Largest width and height of an rgba32float or rgba16float texture that shaders read as storage; 0 if there is none.
    pub max_texture: u32,
}

/// Cooperative matrices: products of matrices of f16 by a subgroup, with sums in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrices {
    /// Their rows and columns, and the terms of a product: 8 or 16.
    pub size: u32,
    /// Whether they are loaded from arrays of scalars alone and can be neither added nor scaled: those of the Metal Shading
    /// Language, as naga writes them.
    pub scalars: bool,
}

/// Facts of an adapter that shape a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adapter {
    /// Which rows of the tuning table apply.
    pub class: AdapterClass,
    /// Limits.
    pub limits: Limits,
    /// Version of Mesa as major.minor, 25.0 for 25.0.7, if the driver is Mesa's.
    pub mesa: Option<f64>,
    /// Subgroup size if the adapter has subgroup operations of one fixed size.
    pub subgroup: Option<u32>,
    /// Cooperative matrices, if the adapter has them.
    pub matrices: Option<Matrices>,
    /// Whether shaders may use 64-bit integers.
    pub int64: bool,
    /// Whether shaders may hold 16-bit floats, in buffers too.
    pub float16: bool,
}

impl Adapter {
    /// Whether loads from buffers at addresses that differ between lanes are vector gathers, as good as those from textures:
    /// lavapipe from Mesa 26 on (before, a loop over the lanes).
    pub fn gathers(&self) -> bool {
        self.class == AdapterClass::Software && self.mesa.is_some_and(|version| version >= 26.0)
    }

    /// Whether a load of a 64-bit word from a buffer takes as long as one of a 32-bit word, so that arrays of `vec4<f32>` may be
    /// arrays of pairs of them: on lavapipe, which loads and stores an array's elements one number at a time.
    pub fn pairs(&self) -> bool {
        self.class == AdapterClass::Software && self.mesa.is_some() && self.int64
    }

    /// The least that WebGPU guarantees: no subgroups, 128 MiB bindings. For plans that are only looked at and for the
    /// CPU runner.
    pub fn baseline() -> Self {
        Adapter {
            class: AdapterClass::Software,
            limits: Limits {
                max_binding: 128 << 20,
                max_buffer: 256 << 20,
                offset_alignment: 256,
                max_workgroups: 65_535,
                max_invocations: 256,
                max_workgroup_memory: 16 << 10,
                max_texture: 8192,
            },
            mesa: None,
            subgroup: None,
            matrices: None,
            int64: false,
            float16: false,
        }
    }
}

/// What people and presets ask of a plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Precision of the preset: selects rows of the tuning table, and how activations are stored.
    pub precision: Precision,
    /// Variants forced by name: `(kernel, variant)`; the kernel `*` means every kernel that has the variant.
    pub forced: Vec<(String, String)>,
    /// Rows of the user's own tuning table: looked at before the shipped ones.
    pub rows: Vec<TuningRow>,
    /// Whether layers that could share kernels (batch norm, ReLU and the pooling before them, the convolutions around them)
    /// are recorded one by one: to compare results and times.
    pub unfused: bool,
}

/// What a plan is built for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The adapter.
    pub adapter: Adapter,
    /// What is asked for.
    pub options: Options,
    /// Whether every weight of a convolution or linear layer is 0 or + - the one magnitude of its layer, so that kernels may
    /// multiply signs: set by `Network::train_plan_from` where the projection is ternary.
    pub ternary: bool,
}

impl From<Adapter> for Target {
    /// The adapter with nothing asked for.
    fn from(adapter: Adapter) -> Self {
        Target { adapter, options: Options::default(), ternary: false }
    }
}

impl Target {
    /// [`Adapter::baseline`] with nothing asked for.
    pub fn baseline() -> Self {
        Adapter::baseline().into()
    }

    /// What maps of activations are stored as.
    pub fn activations(&self) -> Elem {
        if self.options.precision == Precision::F16 { Elem::F16 } else { Elem::F32 }
    }

    /// The same on an adapter with other facts.
    pub fn with(&self, change: impl FnOnce(&mut Adapter)) -> Self {
        let mut target = self.clone();
        change(&mut target.adapter);
        target
    }

    /// The same with one forced variant and no other.
    pub fn forcing(&self, kernel: &str, variant: &str) -> Self {
        let forced = vec![(kernel.to_owned(), variant.to_owned())];
        Target { options: Options { forced, ..self.options.clone() }, ..self.clone() }
    }

    /// The same with every layer recorded by itself: [`Options::unfused`].
    pub fn unfused(&self) -> Self {
        Target { options: Options { unfused: true, ..self.options.clone() }, ..self.clone() }
    }
}
