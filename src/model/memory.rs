//! Peak memory of plans that are loaded together, by what it holds: known before anything is allocated.

use std::collections::BTreeMap;
use std::fmt;

use super::{GRADIENT, Network};
use crate::kernels::parameters::Parameters;
use crate::plan::memory::allocate;
use crate::plan::{Plan, Role};

/// What memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Real-valued and projected weights.
    Weights,
    /// The arrays of the optimiser.
    Optimizer,
    /// Gradients of the weights: partial sums, and sums over shards.
    Gradients,
    /// What lives within a pass: activations, their gradients, products of convolutions.
    Activations,
    /// Images, labels, and which images they are.
    Images,
    /// Operands in textures.
    Textures,
    /// Tables, constants, metrics, moments.
    Other,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 7] = [
        Class::Weights,
        Class::Optimizer,
        Class::Gradients,
        Class::Activations,
        Class::Images,
        Class::Textures,
        Class::Other,
    ];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Class::Weights => "weights",
            Class::Optimizer => "optimiser state",
            Class::Gradients => "gradients",
            Class::Activations => "activations",
            Class::Images => "images",
            Class::Textures => "textures",
            Class::Other => "other",
        }
    }
}

/// Bytes of each class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peak(BTreeMap<Class, u64>);

impl Peak {
    /// Bytes of a class.
    pub fn of(&self, class: Class) -> u64 {
        self.0.get(&class).copied().unwrap_or(0)
    }

    /// Bytes of all.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    fn add(&mut self, class: Class, bytes: usize) {
        *self.0.entry(class).or_default() += bytes as u64;
    }
}

impl fmt::Display for Peak {
    /// `812.4 MiB: weights 465.1, ..., other 0.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let parts: Vec<String> = Class::ALL.iter().map(|c| format!("{} {:.1}", c.name(), mib(self.of(*c)))).collect();
        write!(f, "{:.1} MiB: {}", mib(self.total()), parts.join(", "))
    }
}

impl Network {
    /// The memory of plans that one runner holds at the same time: arrays that they share by name once, transients of each.
    pub fn peak<'a>(&self, plans: impl IntoIterator<Item = &'a Plan>) -> Peak {
        let mut peak = Peak::default();
        let mut shared: BTreeMap<&str, (Class, usize)> = BTreeMap::new();
        for plan in plans {
            let allocation = allocate(plan);
            let grad = plan.find(Parameters::GRAD).and_then(|b| allocation.slot[b.0 as usize]);
            for (slot, (bytes, texels)) in allocation.slots.iter().zip(&allocation.texels).enumerate() {
                let class = match texels {
                    Some(_) => Class::Textures,
                    None if grad == Some(slot) => Class::Gradients,
                    None => Class::Activations,
                };
                peak.add(class, *bytes);
            }
            for b in &plan.buffers {
                match b.role {
                    Role::Transient => {}
                    Role::Constant => peak.add(Class::Other, b.bytes()),
                    Role::State | Role::Input | Role::Output => {
                        let known = shared.entry(&b.name).or_insert((self.class(&b.name, b.role), 0));
                        known.1 = known.1.max(b.bytes());
                    }
                }
            }
        }
        shared.into_values().for_each(|(class, bytes)| peak.add(class, bytes));
        peak
    }

    /// What an array that plans share holds.
    fn class(&self, name: &str, role: Role) -> Class {
        let first = name.split('.').next().unwrap_or(name);
        match role {
            _ if ["weight", "projected"].contains(&first) => Class::Weights,
            _ if self.optimizer_state().contains(&name) => Class::Optimizer,
            _ if [Parameters::GRAD, GRADIENT].contains(&first) => Class::Gradients,
            Role::Input if !["step", "projections"].contains(&first) => Class::Images,
            _ => Class::Other,
        }
    }
}
