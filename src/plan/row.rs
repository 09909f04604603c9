//! A row of a tuning table, as data.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Says how a kernel is computed on adapters of a class, for some shapes. `kernels::tuning` reads and applies rows.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuningRow {
    /// Kernel name, `conv2d.forward`; `*`: every kernel that has the variant.
    pub kernel: String,
    /// Adapter class; absent: every class.
    pub class: Option<String>,
    /// Precision that it is for; absent: every precision.
    pub precision: Option<String>,
    /// Inclusive range of versions of Mesa's driver in which the row holds, as major.minor: `mesa = [22.0, 24.3]`; `[25.0, inf]`
    /// is open upwards. Absent: every driver, Mesa's or not.
    pub mesa: Option<[f64; 2]>,
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

impl TuningRow {
    /// The row as TOML, ending in an empty line.
    pub fn to_toml(&self) -> String {
        // Strings of Rust without control characters are strings of TOML.
        let mut out = format!("[[row]]\nkernel = {:?}\n", self.kernel);
        if let Some(class) = &self.class {
            out += &format!("class = {class:?}\n");
        }
        if let Some(precision) = &self.precision {
            out += &format!("precision = {precision:?}\n");
        }
        if let Some([low, high]) = self.mesa {
            out += &format!("mesa = [{low:?}, {high:?}]\n");
        }
        out += &format!("variant = {:?}\n", self.variant);
        if !self.shapes.is_empty() {
            let all: Vec<String> = self.shapes.iter().map(|(n, [a, b])| format!("{n} = [{a}, {b}]")).collect();
            out += &format!("where = {{ {} }}\n", all.join(", "));
        }
        if !self.knobs.is_empty() {
            let all: Vec<String> = self.knobs.iter().map(|(n, v)| format!("{n} = {v}")).collect();
            out += &format!("knobs = {{ {} }}\n", all.join(", "));
        }
        if !self.measured.is_empty() {
            let plain: String = self.measured.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            out += &format!("measured = {plain:?}\n");
        }
        out + "\n"
    }
}
