//! The plan by twins: plain loops in f64. The specification and the test oracle, never the product.

use crate::kernels::{self, Io, Scalars, Values, nearest_half};
use crate::plan::{Command, Elem, Plan, Step};

/// Holds the buffers of one plan in f64 and runs its commands by their twins.
pub struct Runner {
    /// The plan.
    pub plan: Plan,
    memory: Vec<Values>,
}

impl Runner {
    /// Zeroed buffers; constants hold their data.
    pub fn new(plan: Plan) -> Self {
        let memory = plan
            .buffers
            .iter()
            .map(|b| match (b.elem, b.data.is_empty()) {
                (Elem::F32 | Elem::F16, true) => Values::F(Scalars::zeros(b.len())),
                (Elem::U32, true) => Values::U(vec![0; b.len()]),
                (elem, false) => from_words(elem, &b.data),
            })
            .collect();
        Runner { plan, memory }
    }

    fn index(&self, name: &str) -> usize {
        self.plan.find(name).unwrap_or_else(|| panic!("plan {} has no buffer {name}", self.plan.name)).0 as usize
    }

    /// Sets a buffer from the bits that a device would hold.
    pub fn write_words(&mut self, index: usize, words: &[u32]) {
        self.memory[index] = from_words(self.plan.buffers[index].elem, words);
    }

    /// Sets an f32 buffer by name.
    ///
    /// # Panics
    /// An unknown name or a wrong length: a bug of the test.
    pub fn write(&mut self, name: &str, values: &[f64]) {
        let i = self.index(name);
        assert_eq!(values.len(), self.plan.buffers[i].len(), "{name}");
        self.memory[i] = Values::F(values.to_vec().into());
    }

    /// Sets a u32 buffer by name. Panics as [`Runner::write`].
    pub fn write_u32(&mut self, name: &str, values: &[u32]) {
        let i = self.index(name);
        assert_eq!(values.len(), self.plan.buffers[i].len(), "{name}");
        self.memory[i] = Values::U(values.to_vec());
    }

    /// Content of a buffer.
    pub fn values(&self, index: usize) -> &Values {
        &self.memory[index]
    }

    /// An f32 buffer by name. Panics as [`Runner::write`].
    pub fn read(&self, name: &str) -> &[f64] {
        match &self.memory[self.index(name)] {
            Values::F(s) => &s.value,
            Values::U(_) => panic!("{name} is u32"),
        }
    }

    /// Runs every command.
    pub fn run(&mut self, step: &Step) {
        if self.plan.find("step").is_some() {
            self.write_u32("step", &step.words());
        }
        for i in 0..self.plan.commands.len() {
            self.run_command(i);
        }
    }

    /// Runs one command with the step block as it stands.
    pub fn run_command(&mut self, index: usize) {
        let command = self.plan.commands[index].clone();
        for (arg, values) in command.args().iter().zip(apply(&self.plan, &command, &self.memory)) {
            if !arg.access.writes() {
                continue;
            }
            let (at, len) = (arg.view.offset, arg.view.len);
            match (&mut self.memory[arg.view.buffer.0 as usize], values) {
                (Values::F(to), Values::F(from)) => {
                    to.value[at..at + len].copy_from_slice(&from.value);
                    to.scale[at..at + len].copy_from_slice(&from.scale);
                }
                (Values::U(to), Values::U(from)) => to[at..at + len].copy_from_slice(&from),
                _ => unreachable!("a twin keeps the type of its argument"),
            }
        }
    }
}

/// The arguments of `command` after its twin ran on `memory` (one entry per buffer of the plan).
fn apply(plan: &Plan, command: &Command, memory: &[Values]) -> Vec<Values> {
    let args: Vec<_> = command
        .args()
        .iter()
        .map(|a| {
            let range = a.view.offset..a.view.offset + a.view.len;
            let part = match &memory[a.view.buffer.0 as usize] {
                // What a twin left is rounded where it is read: the comparison with a device wants the number itself.
                Values::F(s) if a.elem == Elem::F16 => {
                    Values::F(s.value[range].iter().map(|v| nearest_half(*v)).collect::<Vec<_>>().into())
                }
                Values::F(s) => {
                    Values::F(Scalars { value: s.value[range.clone()].to_vec(), scale: s.scale[range].to_vec() })
                }
                Values::U(v) => Values::U(v[range].to_vec()),
            };
            (a.name, part)
        })
        .collect();
    let Command::Dispatch(d) = command else {
        let from = args.into_iter().next().expect("a copy reads one array").1;
        return vec![from.clone(), from];
    };
    let kernel = kernels::find(d.kernel).expect("a plan names known kernels");
    let mut io = Io::new(&d.params, args, d.halves()).with_own(&plan.own);
    (kernel.twin)(&mut io);
    io.into_args().into_iter().map(|(_, v)| v).collect()
}

fn from_words(elem: Elem, words: &[u32]) -> Values {
    match elem {
        Elem::F32 | Elem::F16 => {
            Values::F(words.iter().map(|&w| f64::from(f32::from_bits(w))).collect::<Vec<_>>().into())
        }
        Elem::U32 => Values::U(words.to_vec()),
    }
}
