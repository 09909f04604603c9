//! What differs between two presets, key by key.

use std::collections::{BTreeMap, BTreeSet};

use super::Preset;
use crate::error::{Error, Result};

impl Preset {
    /// What makes `now` of this preset: keys with their old and new values, `not set` where there is none.
    ///
    /// # Errors
    /// None for presets that were read.
    pub fn changes(&self, now: &Preset) -> Result<Vec<[String; 3]>> {
        let (old, new) = (keys(self)?, keys(now)?);
        let shown = |value: Option<&String>| value.map_or("not set", String::as_str).to_owned();
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
        Ok(changed.map(|name| [name.clone(), shown(old.get(name)), shown(new.get(name))]).collect())
    }
}

/// Every key of a preset with its value, `lr.initial` and `0.003`.
fn keys(preset: &Preset) -> Result<BTreeMap<String, String>> {
    fn flatten(prefix: &str, table: &toml::Table, out: &mut BTreeMap<String, String>) {
        for (name, value) in table {
            match value {
                // Its checksum says the same in a line.
                toml::Value::String(_) if prefix.starts_with("wgsl.") && name == "text" => {}
                toml::Value::Table(inner) => flatten(&format!("{prefix}{name}."), inner, out),
                other => drop(out.insert(format!("{prefix}{name}"), other.to_string())),
            }
        }
    }
    let table = preset.to_toml().parse().map_err(|e| Error::Invalid(format!("the preset is no TOML: {e}")))?;
    let mut out = BTreeMap::new();
    flatten("", &table, &mut out);
    Ok(out)
}
