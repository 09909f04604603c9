//! The first stage: what the adapter says of itself.

use serde::{Deserialize, Serialize};

use super::journal::Lines;
use super::summary::{Section, cell};
use super::work::{Came, Work};
use super::{Stage, system::System};
use crate::error::Result;
use crate::gpu::inventory::{self, Facts};
use crate::gpu::profile::Clock;
use crate::plan::{self, Limits};

/// The adapter, and what of it plans are made for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Adapter {
    pub name: String,
    pub backend: String,
    pub kind: String,
    pub driver: String,
    pub class: String,
    /// Names and values of what plans know of it.
    pub known: Vec<(String, String)>,
    pub clock: String,
    pub facts: Facts,
}

/// Item of the adapter.
pub(super) const ADAPTER: &str = "adapter";

/// Item of the system, which the report's own process writes.
pub(super) const SYSTEM: &str = "system";

pub(super) fn run(work: &Work) -> Result<()> {
    // Nothing can be done without it, so its error is the task's. A small network would have a driver on the CPU take one
    // thread, and say so.
    let (full, _) = work.network(&["width=1".into()])?;
    let device = (work.open)(Some(&full))?;
    let describe = || {
        let info = &device.info;
        Ok(Came::Found(Adapter {
            name: info.name.clone(),
            backend: info.backend.clone(),
            kind: info.kind.clone(),
            driver: info.driver.clone(),
            class: device.target.adapter.class.name().into(),
            known: known(&device.target.adapter),
            clock: Clock::of(&device).describe().into(),
            facts: inventory::facts(info.index)?,
        }))
    };
    work.item(ADAPTER, describe).map(|_| ())
}

/// What to call the adapter.
pub(super) fn name(lines: &Lines) -> String {
    let adapter = lines.result::<Adapter>(Stage::Adapter, ADAPTER);
    adapter.map_or("an adapter that did not open".into(), |a| format!("{} ({})", a.name, a.backend))
}

/// What plans know of an adapter.
fn known(adapter: &plan::Adapter) -> Vec<(String, String)> {
    let plan::Adapter { limits, subgroup, int64, float16, .. } = adapter;
    let Limits {
        max_binding,
        max_buffer,
        offset_alignment,
        max_workgroups,
        max_invocations,
        max_workgroup_memory,
        max_texture,
    } = limits;
    let yes = |b: &bool| if *b { "yes" } else { "no" }.to_owned();
    let mib = |bytes: &usize| format!("{} MiB", bytes >> 20);
    [
        ("largest binding", mib(max_binding)),
        ("largest buffer", mib(max_buffer)),
        ("alignment of views", format!("{offset_alignment} bytes")),
        ("workgroups in a dimension", max_workgroups.to_string()),
        ("invocations in a workgroup", max_invocations.to_string()),
        ("memory of a workgroup", format!("{} KiB", max_workgroup_memory >> 10)),
        ("width of textures to load from", max_texture.to_string()),
        ("fixed size of subgroups", subgroup.map_or("none".into(), |n| n.to_string())),
        ("16-bit floats", yes(float16)),
        ("64-bit integers", yes(int64)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

pub(super) fn section(lines: &Lines) -> Section {
    let mut text = "| | |\n|---|---|\n".to_owned();
    let mut row = |name: &str, value: &str| text += &format!("| {} | {} |\n", cell(name), cell(value));
    let adapter = lines.result::<Adapter>(Stage::Adapter, ADAPTER);
    if let Some(a) = &adapter {
        row("adapter", &format!("{} ({}, {})", a.name, a.backend, a.kind));
        row("driver", &a.driver);
        row("vendor and device", &a.facts.ids);
        row("class in the tuning table", &a.class);
        row("sizes of subgroups", &format!("{} to {}", a.facts.subgroups[0], a.facts.subgroups[1]));
        let matrices = if a.facts.matrices.is_empty() { "none".into() } else { a.facts.matrices.join(", ") };
        row("cooperative matrices", &matrices);
        a.known.iter().for_each(|(name, value)| row(name, value));
        row("time is told by", &a.clock);
    }
    if let Some(system) = lines.result::<System>(Stage::Adapter, SYSTEM) {
        row("system", &system.os);
        row("processor", &format!("{}, {} threads", system.processor, system.threads));
        row("weightproof", &system.version);
    }
    if let Some(a) = &adapter {
        let limits: String = a.facts.limits.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        let features = a.facts.features.join(" ");
        text += &format!(
            "\n<details><summary>All limits and features</summary>\n\n```\n{limits}\n{features}\n```\n</details>\n"
        );
    }
    Section { text, missing: vec![] }
}
