//! Lifetimes of the transients of a plan, and the memory slots they share.

use super::{Buffer, Format, Plan, Role};

/// Where each transient of a plan lives.
#[derive(Clone, Debug, Default)]
pub struct Allocation {
    /// Slot of each buffer; `None` for buffers that are not transient or never used.
    pub slot: Vec<Option<usize>>,
    /// Size of each slot in bytes.
    pub slots: Vec<usize>,
    /// The format of each slot that is a texture; none for a buffer.
    pub texels: Vec<Option<Format>>,
}

impl Allocation {
    /// Bytes of all slots together.
    pub fn bytes(&self) -> usize {
        self.slots.iter().sum()
    }
}

/// First and last command that touches each buffer.
pub fn lifetimes(plan: &Plan) -> Vec<Option<(usize, usize)>> {
    let mut life: Vec<Option<(usize, usize)>> = vec![None; plan.buffers.len()];
    for (i, c) in plan.commands.iter().enumerate() {
        for a in c.args() {
            let l = &mut life[a.view.buffer.0 as usize];
            *l = Some((l.map_or(i, |(first, _)| first), i));
        }
    }
    life
}

/// Assigns transients to slots: in order of first use, each takes the smallest free slot that holds it, else grows the
/// largest free slot, else opens a new one. Whole buffers only: barriers are per buffer, so sharing an arena would
/// serialise independent dispatches. Textures share slots with textures of their format.
pub fn allocate(plan: &Plan) -> Allocation {
    let life = lifetimes(plan);
    let mut order: Vec<usize> =
        (0..plan.buffers.len()).filter(|&i| plan.buffers[i].role == Role::Transient && life[i].is_some()).collect();
    order.sort_by_key(|&i| life[i]);
    let mut out = Allocation { slot: vec![None; plan.buffers.len()], slots: vec![], texels: vec![] };
    let mut free_after: Vec<usize> = vec![];
    for i in order {
        let (first, last) = life[i].expect("filtered");
        let b = &plan.buffers[i];
        let (bytes, texels) = (b.bytes(), b.format());
        let usable = |s: &usize| free_after[*s] < first && out.texels[*s] == texels;
        let free: Vec<usize> = (0..out.slots.len()).filter(usable).collect();
        let fits = free.iter().copied().filter(|&s| out.slots[s] >= bytes).min_by_key(|&s| out.slots[s]);
        let slot = match fits.or_else(|| free.into_iter().max_by_key(|&s| out.slots[s])) {
            Some(s) => s,
            None => {
                out.slots.push(0);
                out.texels.push(texels);
                free_after.push(0);
                out.slots.len() - 1
            }
        };
        out.slots[slot] = out.slots[slot].max(bytes);
        free_after[slot] = last;
        out.slot[i] = Some(slot);
    }
    out
}

/// Gives each transient a slot of its own, so that all can be read after a run.
pub fn separate(plan: &Plan) -> Allocation {
    let mut out = Allocation::default();
    for b in &plan.buffers {
        let transient = b.role == Role::Transient;
        out.slot.push(transient.then_some(out.slots.len()));
        if transient {
            out.slots.push(b.bytes());
            out.texels.push(b.format());
        }
    }
    out
}

/// Bytes of device memory that a plan needs.
pub fn footprint(plan: &Plan) -> usize {
    let kept = plan.buffers.iter().filter(|b| b.role != Role::Transient).map(Buffer::bytes).sum::<usize>();
    kept + allocate(plan).bytes()
}
