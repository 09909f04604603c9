//! Appends buffers and commands to a plan for one target.

use std::ops::Range;

use super::{Buffer, BufferId, Command, Dispatch, Elem, Layout, Plan, Role, Target, View};
use crate::error::{Error, Result};
use crate::projection::own::Owns;

/// Builds a [`Plan`]. Layers and kernels append to it.
pub struct Builder {
    /// The adapter the plan is for.
    pub target: Target,
    plan: Plan,
    /// Views that were copied into textures and not written since.
    copies: Vec<(View, Layout, View)>,
}

impl Builder {
    /// An empty plan called `name`.
    pub fn new(name: &str, target: Target) -> Self {
        Builder { target, plan: Plan { name: name.into(), ..Plan::default() }, copies: vec![] }
    }

    /// Sets the users' own projections.
    pub fn set_own(&mut self, own: Owns) {
        self.plan.own = own;
    }

    /// The users' own projections.
    pub fn own(&self) -> &Owns {
        &self.plan.own
    }

    /// Adds a buffer and returns the view of the whole.
    ///
    /// # Panics
    /// If the name is taken: a bug of the caller.
    pub fn buffer(&mut self, name: impl Into<String>, elem: Elem, shape: &[usize], role: Role) -> View {
        self.add(Buffer { name: name.into(), elem, shape: shape.to_vec(), role, data: vec![], texels: None })
    }

    fn add(&mut self, buffer: Buffer) -> View {
        assert!(self.plan.find(&buffer.name).is_none(), "two buffers are called {}", buffer.name);
        let view = View { buffer: BufferId(self.plan.buffers.len() as u32), offset: 0, len: buffer.len() };
        self.plan.buffers.push(buffer);
        view
    }

    /// The buffer called `name`, added if it is not there yet.
    pub fn shared(&mut self, name: &str, elem: Elem, shape: &[usize], role: Role) -> View {
        match self.plan.find(name) {
            Some(buffer) => View { buffer, offset: 0, len: self.plan.buffer(buffer).len() },
            None => self.buffer(name, elem, shape, role),
        }
    }

    /// The view of the buffer called `name`.
    ///
    /// # Panics
    /// If there is none: a bug of the caller.
    pub fn view(&self, name: &str) -> View {
        let buffer = self.plan.find(name).unwrap_or_else(|| panic!("the plan has no buffer {name}"));
        View { buffer, offset: 0, len: self.plan.buffer(buffer).len() }
    }

    /// Adds an f32 transient.
    pub fn transient(&mut self, name: impl Into<String>, shape: &[usize]) -> View {
        self.buffer(name, Elem::F32, shape, Role::Transient)
    }

    /// Adds a table of constants.
    pub fn constant(&mut self, name: impl Into<String>, elem: Elem, data: Vec<u32>) -> View {
        let view = self.buffer(name, elem, &[data.len()], Role::Constant);
        self.plan.buffers[view.buffer.0 as usize].data = data;
        view
    }

    /// The table of constants called `name`, added if it is not there yet.
    ///
    /// # Panics
    /// If it is there with other content: a bug of the caller.
    pub fn shared_constant(&mut self, name: &str, elem: Elem, data: Vec<u32>) -> View {
        let Some(buffer) = self.plan.find(name) else { return self.constant(name, elem, data) };
        let b = self.plan.buffer(buffer);
        assert!(b.role == Role::Constant && b.data == data, "two tables are called {name}");
        View { buffer, offset: 0, len: b.len() }
    }

    /// The copy of `view` in a texture of this layout, and whether it still has to be made: an earlier copy serves as long as no
    /// command wrote the buffer since. See `kernels::texels`, which appends the command.
    ///
    /// # Errors
    /// A view that is no whole number of texels or exceeds the largest texture.
    pub fn texels(&mut self, scope: &str, view: View, layout: Layout) -> Result<(View, bool)> {
        if let Some((.., copy)) = self.copies.iter().find(|(v, l, _)| (*v, *l) == (view, layout)) {
            return Ok((*copy, false));
        }
        let source = &self.plan.buffer(view.buffer).name;
        let most = self.target.adapter.limits.max_texture as usize;
        if !view.len.is_multiple_of(4) || layout.width() > most || layout.height(view.len) > most {
            return Err(Error::layer(
                scope,
                format!(
                    "{} elements of {source} do not fit a texture of {most} x {most} texels; use a smaller batch or width",
                    view.len
                ),
            ));
        }
        let base = format!("{source}.texels");
        let mut name = base.clone();
        for i in 2.. {
            if !self.has(&name) {
                break;
            }
            name = format!("{base}{i}");
        }
        let copy = self.add(Buffer {
            name,
            elem: self.elem(view),
            shape: vec![view.len],
            role: Role::Transient,
            data: vec![],
            texels: Some(layout),
        });
        self.copies.push((view, layout, copy));
        Ok((copy, true))
    }

    /// Whether there is a buffer called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.plan.find(name).is_some()
    }

    /// The step block.
    pub fn step(&mut self) -> View {
        self.shared("step", Elem::U32, &[super::Step::WORDS], Role::Input)
    }

    /// Gives a part of a buffer a name in listings.
    pub fn label(&mut self, view: View, name: impl Into<String>) {
        self.plan.labels.push((view, name.into()));
    }

    /// What the elements of the buffer of a view are.
    pub fn elem(&self, view: View) -> Elem {
        self.plan.buffer(view.buffer).elem
    }

    /// Shape of the buffer of a view.
    pub fn shape(&self, view: View) -> &[usize] {
        &self.plan.buffer(view.buffer).shape
    }

    /// Splits `0..outer` so that each of the given arrays, `outer` rows each, can be bound window by window:
    /// every window fits the binding limit and starts at an aligned offset. One window if everything fits.
    ///
    /// # Errors
    /// A single row that exceeds the limit, with its size; a buffer larger than the adapter allows.
    pub fn windows(&self, scope: &str, outer: usize, views: &[View]) -> Result<Vec<Range<usize>>> {
        views.iter().try_for_each(|v| self.check_size(self.plan.buffer(v.buffer)))?;
        let limit = self.target.adapter.limits.max_binding;
        let bytes = |v: &View| v.len * self.elem(*v).bytes();
        if views.iter().all(|v| bytes(v) <= limit) {
            return Ok(std::iter::once(0..outer).collect());
        }
        // A window boundary must be aligned in every view: a multiple of the least common granule of the row sizes.
        let align = self.target.adapter.limits.offset_alignment;
        let granule = views.iter().map(|v| align / gcd(bytes(v) / outer, align)).fold(1, lcm);
        let most = views.iter().map(|v| limit / (bytes(v) / outer).max(1)).min().unwrap_or(outer);
        let rows = most / granule * granule;
        if rows == 0 {
            let row = views.iter().map(|v| bytes(v) / outer).max().unwrap_or(0);
            return Err(Error::layer(
                scope,
                format!(
                    "{granule} row(s) of {row} bytes exceed the adapter's binding limit of {limit} bytes; \
                     use a smaller batch or width, or another adapter"
                ),
            ));
        }
        Ok((0..outer).step_by(rows).map(|s| s..(s + rows).min(outer)).collect())
    }

    /// That the adapter allows a buffer of this size.
    fn check_size(&self, b: &Buffer) -> Result<()> {
        let most = self.target.adapter.limits.max_buffer;
        if b.texels.is_some() || b.bytes() <= most {
            return Ok(());
        }
        let message = format!("{} needs {} bytes, one buffer of this adapter holds {most}", b.name, b.bytes());
        Err(Error::OutOfMemory { scope: format!("plan {}", self.plan.name), message })
    }

    /// Appends a command.
    ///
    /// # Errors
    /// A view that exceeds the binding limit, starts unaligned or lies outside its buffer, and a grid beyond the limit.
    pub fn push(&mut self, command: Command) -> Result<()> {
        let limits = self.target.adapter.limits;
        for a in command.args() {
            let b = self.plan.buffer(a.view.buffer);
            let fail =
                |what: String| Err(Error::layer(command.scope(), format!("{} `{}`: {what}", command.what(), a.name)));
            if a.view.offset + a.view.len > b.len() {
                return fail(format!("{:?} lies outside {} of {} elements", a.view, b.name, b.len()));
            }
            if b.texels.is_none() && a.bytes() > limits.max_binding {
                return fail(format!(
                    "{} binds {} bytes, the adapter's limit is {}; use a smaller batch or width",
                    b.name,
                    a.bytes(),
                    limits.max_binding
                ));
            }
            if !(a.view.offset * a.elem.bytes()).is_multiple_of(limits.offset_alignment) {
                return fail(format!("{} is bound at element {}, not aligned", b.name, a.view.offset));
            }
        }
        if let Command::Dispatch(Dispatch { scope, kernel, grid, .. }) = &command {
            if grid.iter().any(|&g| g > limits.max_workgroups) {
                let message = format!("{kernel}: grid {grid:?} exceeds {} workgroups", limits.max_workgroups);
                return Err(Error::layer(scope, message));
            }
            // An empty dispatch is legal in the API but says that a kernel's grid rule is wrong.
            assert!(grid.iter().all(|&g| g > 0), "{scope}: empty grid {grid:?}");
        }
        let written = |v: &View| command.args().iter().any(|a| a.access.writes() && a.view.buffer == v.buffer);
        self.copies.retain(|(v, ..)| !written(v));
        self.plan.commands.push(command);
        Ok(())
    }

    /// The finished plan.
    ///
    /// # Errors
    /// A buffer larger than the adapter allows.
    pub fn finish(self) -> Result<Plan> {
        self.plan.buffers.iter().try_for_each(|b| self.check_size(b))?;
        debug_assert_eq!(self.plan.unwritten_reads(), Vec::<String>::new());
        Ok(self.plan)
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn lcm(a: usize, b: usize) -> usize {
    a / gcd(a, b) * b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(max_binding: usize) -> Builder {
        let mut target = Target::baseline();
        target.adapter.limits.max_binding = max_binding;
        Builder::new("test", target)
    }

    #[test]
    fn windows_cover_every_row_once_fit_the_limit_and_start_aligned() {
        let mut b = builder(4096);
        let x = b.transient("x", &[50, 96]);
        let y = b.transient("y", &[50, 24]);
        let windows = b.windows("t", 50, &[x, y]).unwrap();
        assert!(windows.len() > 1);
        assert_eq!(windows.iter().map(|w| w.len()).sum::<usize>(), 50);
        for pair in windows.windows(2) {
            assert_eq!(pair[0].end, pair[1].start);
        }
        for w in &windows {
            for v in [x, y] {
                let part = v.rows(w, 50);
                assert!(part.len * 4 <= 4096 && (part.offset * 4) % 256 == 0);
            }
        }
    }

    #[test]
    fn a_row_beyond_the_limit_is_an_error_that_says_its_size() {
        let mut b = builder(1024);
        let x = b.transient("x", &[4, 512]);
        let e = b.windows("conv1.forward", 4, &[x]).unwrap_err().to_string();
        assert!(e.contains("conv1.forward") && e.contains("2048 bytes"), "{e}");
    }
}
