//! What a plan is built for: the adapter as plain data.

use super::Row;

/// Row of the tuning table an adapter falls into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterClass {
    /// A driver that runs on the CPU (lavapipe, SwiftShader, WARP).
    Software,
    /// A GPU with 16x16x16 f16 cooperative matrices.
    CoopMatrix,
    /// Any other GPU.
    Discrete,
}

impl AdapterClass {
    /// The name used in `shaders/tuning.toml`.
    pub fn name(self) -> &'static str {
        match self {
            AdapterClass::Software => "software",
            AdapterClass::CoopMatrix => "coop_matrix",
            AdapterClass::Discrete => "discrete",
        }
    }
}

/// The limits of an adapter that shape a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Largest width and height of an rgba32float texture that shaders read as storage; 0 if there is none.
    pub max_texture: u32,
}

/// The adapter that a plan is built for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Row of the tuning table.
    pub class: AdapterClass,
    /// Limits.
    pub limits: Limits,
    /// Subgroup size if the adapter has subgroup operations of one fixed size.
    pub subgroup: Option<u32>,
    /// Whether shaders may use 64-bit integers.
    pub int64: bool,
    /// Variants forced by name: `(kernel, variant)`; the kernel `*` means every kernel that has the variant.
    pub forced: Vec<(String, String)>,
    /// Rows of the user's own tuning table: looked at before the shipped ones.
    pub rows: Vec<Row>,
    /// Whether layers that could share kernels (batch norm, ReLU and the pooling before them) are recorded one by one:
    /// to compare results and times.
    pub unfused: bool,
}

impl Target {
    /// The least that WebGPU guarantees: no subgroups, 128 MiB bindings. For plans that are only looked at and for the
    /// CPU runner.
    pub fn baseline() -> Self {
        Target {
            class: AdapterClass::Software,
            limits: Limits {
                max_binding: 128 << 20,
                max_buffer: 256 << 20,
                offset_alignment: 256,
                max_workgroups: 65_535,
                max_invocations: 256,
                max_texture: 8192,
            },
            subgroup: None,
            int64: false,
            forced: vec![],
            rows: vec![],
            unfused: false,
        }
    }
}
