//! All that an adapter tells of itself, as text: for reports about adapters that nobody here has seen.

use serde::{Deserialize, Serialize};

use super::adapter::adapters;
use crate::error::{Error, Result};

/// What an adapter tells of itself beyond [`DeviceInfo`](super::DeviceInfo).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Vendor and device numbers on the bus, in hexadecimal; 0 where a backend has none.
    pub ids: String,
    /// Least and largest size of a subgroup.
    pub subgroups: [u32; 2],
    /// Shapes and types of cooperative matrices: `16x16x16 F16 to F32`.
    pub matrices: Vec<String>,
    /// Names of the features that it offers, whether this program uses them or not.
    pub features: Vec<String>,
    /// Names and values of its limits.
    pub limits: Vec<(String, String)>,
}

/// The facts of the adapter at a position of [`list`](super::list).
///
/// # Errors
/// No adapter at that position.
pub fn facts(index: usize) -> Result<Facts> {
    let missing = || Error::NoAdapter(format!("adapter {index} is gone"));
    let (_, adapter) = adapters().into_iter().nth(index).ok_or_else(missing)?;
    let info = adapter.get_info();
    let matrix = |p: &wgpu::CooperativeMatrixProperties| {
        format!("{}x{}x{} {:?} to {:?}", p.m_size, p.n_size, p.k_size, p.ab_type, p.cr_type)
    };
    // One limit a line, as `{:#?}` writes a struct.
    let limits = format!("{:#?}", adapter.limits());
    let limit = |line: &str| {
        let (name, value) = line.trim().split_once(": ")?;
        Some((name.to_owned(), value.trim_end_matches(',').to_owned()))
    };
    Ok(Facts {
        ids: format!("{:04x}:{:04x}", info.vendor, info.device),
        subgroups: [info.subgroup_min_size, info.subgroup_max_size],
        matrices: adapter.cooperative_matrix_properties().iter().map(matrix).collect(),
        features: adapter.features().iter_names().map(|(name, _)| name.to_owned()).collect(),
        limits: limits.lines().filter_map(limit).collect(),
    })
}
