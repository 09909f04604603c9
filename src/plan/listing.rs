//! The plan as text that a person can read and a test can diff.

use std::fmt::Write;

use super::{Access, Dispatch, Plan, Role, View, memory};

/// The whole plan: buffers that outlive a step, then one line per command:
/// `scope  kernel/variant [knobs]  grid  out <- in  params`.
pub fn listing(plan: &Plan) -> String {
    let mut s = String::new();
    let transients = plan.buffers.iter().filter(|b| b.role == Role::Transient).count();
    let _ = writeln!(
        s,
        "plan {}: {} commands, {} buffers, {:.1} MiB ({} transients in {} slots)\n",
        plan.name,
        plan.commands.len(),
        plan.buffers.len(),
        memory::footprint(plan) as f64 / (1 << 20) as f64,
        transients,
        memory::allocate(plan).slots.len()
    );
    for b in plan.buffers.iter().filter(|b| b.role != Role::Transient) {
        let role = format!("{:?}", b.role).to_lowercase();
        let _ = writeln!(s, "{role:<9} {:<28} {:?} {:?}", b.name, b.elem, b.shape);
    }
    s.push('\n');
    let names: Vec<String> = plan
        .commands
        .iter()
        .map(|c| {
            let halves = c.dispatch().map(Dispatch::halves).unwrap_or_default();
            c.what() + &halves.iter().map(|name| format!(" {name}=f16")).collect::<String>()
        })
        .collect();
    let wide = |it: &mut dyn Iterator<Item = usize>| it.max().unwrap_or(0);
    let scope_width = wide(&mut plan.commands.iter().map(|c| c.scope().len()));
    let name_width = wide(&mut names.iter().map(String::len));
    for (c, name) in plan.commands.iter().zip(&names) {
        let side = |keep: &dyn Fn(Access) -> bool| {
            let parts: Vec<String> =
                c.args().iter().filter(|a| keep(a.access)).map(|a| view_name(plan, a.view)).collect();
            parts.join(" ")
        };
        let (grid, params) = match c.dispatch() {
            Some(Dispatch { grid: [x, y, z], params, .. }) => (format!("{x}x{y}x{z}"), params.to_string()),
            None => Default::default(),
        };
        let _ = writeln!(
            s,
            "{:<scope_width$}  {name:<name_width$}  {grid:<12} {} <- {} |{params}",
            c.scope(),
            side(&|a| a.writes()),
            side(&|a| a.reads() && !a.writes()),
        );
    }
    s
}

/// `buffer[label]`, `buffer[first..last]` or `buffer`.
fn view_name(plan: &Plan, view: View) -> String {
    let b = plan.buffer(view.buffer);
    if view.offset == 0 && view.len == b.len() {
        return b.name.clone();
    }
    match plan.labels.iter().find(|(v, _)| *v == view) {
        Some((_, label)) => format!("{}[{label}]", b.name),
        None => format!("{}[{}..{}]", b.name, view.offset, view.offset + view.len),
    }
}
