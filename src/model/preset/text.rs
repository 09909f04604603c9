//! Writes a resolved preset as TOML, the layers a line each.

use std::fmt::Write;

use toml::{Table, Value};

use super::Preset;

impl Preset {
    /// The preset as TOML text: complete, without `extends`; [`Preset::from_toml`] gives the same preset back.
    pub fn to_toml(&self) -> String {
        let mut table = Table::try_from(self).expect("every value of a preset has a TOML form");
        for key in ["init", "optimizer", "lr"] {
            if let Some(value) = table.remove(key) {
                table.insert(key.into(), kinded(value));
            }
        }
        let (tables, scalars): (Vec<_>, Vec<_>) = table.into_iter().partition(|(_, value)| value.is_table());
        let mut text = String::new();
        let mut line = |s: String| writeln!(text, "{s}").expect("writing to a string");
        for (key, value) in scalars {
            match (key.as_str(), value) {
                ("layers", Value::Array(layers)) => {
                    line("layers = [".into());
                    layers.iter().for_each(|l| line(format!("  {},", layer(l, 2))));
                    line("]".into());
                }
                (_, value) => line(format!("{key} = {value}")),
            }
        }
        for (name, value) in tables {
            line(format!("\n[{name}]"));
            for (key, value) in value.as_table().into_iter().flatten() {
                let bare = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
                let key = if bare { key.clone() } else { Value::from(key.as_str()).to_string() };
                line(format!("{key} = {value}"));
            }
        }
        text
    }
}

/// A layer, with the layers inside it a line each, `indent` columns from the left.
fn layer(value: &Value, indent: usize) -> String {
    let Some(table) = value.as_table() else { return value.to_string() };
    let list = |layers: &[Value]| {
        let line = |l: &Value| format!("{:indent$}  {},\n", "", layer(l, indent + 2));
        format!("[\n{}{:indent$}]", layers.iter().map(line).collect::<String>(), "")
    };
    let key = |(key, value): (&String, &Value)| match value {
        Value::Array(items) if items.iter().any(Value::is_table) => format!("{key} = {}", list(items)),
        _ => format!("{key} = {value}"),
    };
    format!("{{ {} }}", table.iter().map(key).collect::<Vec<_>>().join(", "))
}

/// Serde's form of an enum, `{ variant = { fields } }` or `"variant"`, as a preset writes it: `{ kind = "variant", fields }`.
fn kinded(value: Value) -> Value {
    let mut out = Table::new();
    match value {
        Value::String(kind) => drop(out.insert("kind".into(), Value::String(kind))),
        Value::Table(table) => {
            for (kind, fields) in table {
                out.insert("kind".into(), Value::String(kind));
                out.extend(fields.as_table().cloned().into_iter().flatten());
            }
        }
        other => return other,
    }
    Value::Table(out)
}
