//! From a plan to what a runner needs and nothing else: composed WGSL, binding numbers, the bytes of every uniform block,
//! grids, and the memory of every buffer. Made without a device, and plain data that can be kept as JSON
//! (`weightproof show --plan PRESET --lowered FILE`).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::compose::{self, Composed, Settings};
use super::reflect;
use crate::error::{Error, Result};
use crate::kernels::{self, Kernel, Variant, project};
use crate::plan::{self, Access, BufferId, Elem, Format, Layout, Plan, Role, memory};
use crate::projection::own::Source as Own;

/// Elements of an array that a file may claim: more than any adapter holds.
const MOST_ELEMENTS: usize = 1 << 40;

/// Bytes of the constants of a dispatch, at most.
pub(super) const CONSTANTS: usize = 256;

/// What an argument of a shader is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    Write,
    /// `var<uniform>`: the step block.
    Uniform,
    /// `texture_storage_2d<rgba32float, read>`.
    Texture,
    /// `texture_storage_2d<rgba16float, read>`.
    HalfTexture,
}

/// An argument of a shader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Name of the WGSL variable.
    pub name: String,
    /// Its `@binding`; the group is 0.
    pub number: u32,
    /// What it is bound to.
    pub kind: Kind,
}

/// A composed shader with the entry point `main`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shader {
    /// Path below `shaders` of the variant's file.
    pub file: String,
    /// The text.
    pub wgsl: Arc<str>,
    /// Its arguments, in the order in which a dispatch names them.
    pub bindings: Vec<Binding>,
    /// `@binding` of the uniform block of constants, if there is one.
    pub params: Option<u32>,
    /// What it was composed from; none if it was read from a file: then it is compiled with bounds checks.
    #[serde(skip)]
    pub(super) source: Option<Source>,
}

/// See [`Shader::key`].
pub(super) type Key = (bool, Arc<str>);

/// What a shader was made from.
#[derive(Debug)]
pub(super) struct Source {
    /// Kernel, variant and settings, for errors of the device.
    pub label: String,
    pub composed: Composed,
    pub reflected: reflect::Reflected,
    /// Taken when its pipeline is built.
    pub module: Mutex<Option<naga::Module>>,
}

impl Shader {
    /// The shader of a variant.
    ///
    /// # Errors
    /// As [`compose::variant`] and [`reflect::reflect`], without naga's validation.
    pub fn of(kernel: &Kernel, variant: &Variant, settings: &Settings) -> std::result::Result<Shader, String> {
        let composed = compose::variant(kernel, variant, settings)?;
        let module = reflect::parse(&composed)?;
        let reflected = reflect::signature(kernel, variant, &composed, &module)?;
        let bound = kernel.args.iter().filter(|spec| composed.binds(spec));
        let bindings = bound
            .zip(reflected.bindings.iter().zip(&reflected.texels))
            .map(|(spec, (&number, &texels))| {
                let half = composed.halves.iter().any(|name| name == spec.name);
                let kind = match spec.access {
                    _ if texels && half => Kind::HalfTexture,
                    _ if texels => Kind::Texture,
                    Access::Uniform => Kind::Uniform,
                    access if access.writes() => Kind::Write,
                    _ => Kind::Read,
                };
                Binding { name: spec.name.into(), number, kind }
            })
            .collect();
        let (file, wgsl) = (kernel.file(variant), composed.text.as_str().into());
        let params = reflected.params_binding;
        let label = format!("{}/{} {:?} {:?}", kernel.name, variant.name, settings.knobs, settings.halves);
        let source = Some(Source { label, composed, reflected, module: Mutex::new(Some(module)) });
        Ok(Shader { file, wgsl, bindings, params, source })
    }

    /// Key of its pipeline: whether it was composed here, else it has bounds checks; and its text.
    pub(super) fn key(&self) -> Key {
        (self.source.is_some(), self.wgsl.clone())
    }

    /// The composed text with file and line of origin.
    ///
    /// # Panics
    /// If it was read from a file.
    pub fn composed(&self) -> &Composed {
        &self.source.as_ref().expect("it was composed here").composed
    }
}

/// A buffer or texture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Array {
    /// As in the plan.
    pub name: String,
    /// What its elements are.
    pub elem: Elem,
    /// Elements.
    pub len: usize,
    /// Who writes it, how long it lives.
    pub role: Role,
    /// How it lies in a texture, if it lives in one.
    pub texture: Option<Layout>,
    /// Of a transient: its place in [`Lowered::slots`]. None if no command touches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<usize>,
    /// Of a constant: its content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<u32>,
}

impl Array {
    /// Bytes that it takes on a device.
    pub fn bytes(&self) -> usize {
        plan::bytes(self.len, self.elem, self.texture)
    }

    /// What it needs of a texture, if it lives in one.
    fn format(&self) -> Option<Format> {
        self.texture.map(|layout| Format { elem: self.elem, width: layout.width() })
    }
}

/// Memory of transients whose lives do not overlap. All are buffers, or all textures of one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Size.
    pub bytes: usize,
    /// Of textures: their format.
    pub texture: Option<Format>,
}

/// A range of an array that a command binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Its position in [`Lowered::arrays`].
    pub array: usize,
    /// First byte.
    pub offset: usize,
    /// Bytes.
    pub bytes: usize,
}

/// One entry of a lowered plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A shader runs.
    Dispatch {
        /// `layer.pass`.
        scope: String,
        /// Its position in [`Lowered::shaders`].
        shader: usize,
        /// What the arguments of the shader are bound to.
        args: Vec<Bound>,
        /// The uniform block of constants, in words.
        params: Vec<u32>,
        /// Workgroups in x, y, z.
        grid: [u32; 3],
    },
    /// An array is copied into a texture.
    Copy {
        /// `layer.pass`.
        scope: String,
        /// The array.
        from: Bound,
        /// Position of the texture in [`Lowered::arrays`].
        to: usize,
    },
}

/// A plan as a runner takes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lowered {
    /// Name of the plan.
    pub name: String,
    /// Every shader once.
    pub shaders: Vec<Arc<Shader>>,
    /// Buffers and textures, in the order of the plan.
    pub arrays: Vec<Array>,
    /// Memory of transients.
    pub slots: Vec<Slot>,
    /// What the device does, in order.
    pub commands: Vec<Command>,
}

/// Shaders that were composed before: plans have most of theirs in common.
#[derive(Default)]
pub struct Shaders(Mutex<HashMap<String, Arc<Shader>>>);

impl Shaders {
    /// The shaders of dispatches by their keys; the missing ones are composed, on all cores.
    fn of(&self, wanted: &[(&String, &plan::Dispatch)], own: &[(u32, Arc<Own>)]) -> Result<()> {
        // Not held while they are composed: of two threads that miss the same one, both compose it.
        let known = || self.0.lock().unwrap_or_else(|e| e.into_inner());
        let missing: Vec<_> = {
            let known = known();
            wanted.iter().filter(|(key, _)| !known.contains_key(*key)).collect()
        };
        let composed: Vec<_> = missing.par_iter().map(|(_, d)| composed(d, own)).collect();
        let mut broken = vec![];
        for ((key, _), made) in missing.into_iter().zip(composed) {
            match made {
                Ok(shader) => drop(known().insert((*key).clone(), Arc::new(shader))),
                Err(text) => broken.push(text),
            }
        }
        broken.dedup();
        if broken.is_empty() { Ok(()) } else { Err(Error::Shaders(broken)) }
    }

    fn get(&self, key: &str) -> Arc<Shader> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())[key].clone()
    }
}

/// What tells the shader of a dispatch from others: kernel, variant, knobs, which arguments are 16-bit floats, and the
/// constants if they are baked in; and users' own projections where they can be called.
fn key(d: &plan::Dispatch, own: &[(u32, Arc<Own>)]) -> Result<String> {
    let plan::Dispatch { kernel, variant, knobs, params, .. } = d;
    let base = format!("{kernel}/{variant} {knobs:?} {:?}", d.halves());
    let (k, v) = find(d)?;
    let base = if k.baked(v) { format!("{base} {params:?}") } else { base };
    let own = if k.name == project::APPLY.name { own } else { &[] };
    Ok(own.iter().fold(base, |key, (kind, source)| format!("{key} {kind}:{}", source.function)))
}

fn find(d: &plan::Dispatch) -> Result<(&'static Kernel, &'static Variant)> {
    let k = kernels::find(d.kernel)?;
    let v = k.variant(d.variant);
    Ok((k, v.ok_or_else(|| Error::Invalid(format!("kernel {} has no variant {}", d.kernel, d.variant)))?))
}

fn composed(d: &plan::Dispatch, own: &[(u32, Arc<Own>)]) -> std::result::Result<Shader, String> {
    let (k, v) = find(d).map_err(|e| e.to_string())?;
    Shader::of(k, v, &Settings { knobs: &d.knobs, halves: &d.halves(), params: Some(&d.params), own })
}

/// Lowers a plan. `separate` gives every transient its own memory, so that all can be read after a run; otherwise
/// transients share memory by lifetime.
///
/// # Errors
/// All shaders that fail, not just the first.
pub fn lower(plan: &Plan, shaders: &Shaders, separate: bool) -> Result<Lowered> {
    let keys = plan.dispatches().map(|d| key(d, &plan.own)).collect::<Result<Vec<_>>>()?;
    let mut seen = HashSet::new();
    let distinct: Vec<_> = keys.iter().zip(plan.dispatches()).filter(|(key, _)| seen.insert(*key)).collect();
    shaders.of(&distinct, &plan.own)?;
    let at: HashMap<&String, usize> = distinct.iter().enumerate().map(|(i, (key, _))| (*key, i)).collect();
    let used: Vec<Arc<Shader>> = distinct.iter().map(|(key, _)| shaders.get(key)).collect();
    let part = |a: &plan::Arg| Bound {
        array: a.view.buffer.0 as usize,
        offset: a.view.offset * a.elem.bytes(),
        bytes: a.bytes(),
    };
    let mut keys = keys.iter();
    let command = |c: &plan::Command| match c {
        plan::Command::Copy { scope, args: [from, to] } => {
            let BufferId(to) = to.view.buffer;
            Ok(Command::Copy { scope: scope.clone(), from: part(from), to: to as usize })
        }
        plan::Command::Dispatch(d) => {
            let shader = at[keys.next().expect("one for each dispatch")];
            let reflected = &used[shader].source.as_ref().expect("composed here").reflected;
            let params = match reflected.params_binding {
                Some(_) => {
                    let packed = reflected.pack(&d.params);
                    packed.map_err(|e| Error::Shaders(vec![format!("{}: {e}", d.kernel)]))?
                }
                None => vec![],
            };
            let args = d.args.iter().map(part).collect();
            Ok(Command::Dispatch { scope: d.scope.clone(), shader, args, params, grid: d.grid })
        }
    };
    let commands = plan.commands.iter().map(command).collect::<Result<_>>()?;
    let allocation = if separate { memory::separate(plan) } else { memory::allocate(plan) };
    let array = |(b, slot): (&plan::Buffer, &Option<usize>)| Array {
        name: b.name.clone(),
        elem: b.elem,
        len: b.len(),
        role: b.role,
        texture: b.texels,
        slot: *slot,
        data: b.data.clone(),
    };
    Ok(Lowered {
        name: plan.name.clone(),
        shaders: used,
        arrays: plan.buffers.iter().zip(&allocation.slot).map(array).collect(),
        slots: allocation
            .slots
            .iter()
            .zip(&allocation.texels)
            .map(|(&bytes, &texture)| Slot { bytes, texture })
            .collect(),
        commands,
    })
}

impl Lowered {
    /// A plan that was written as JSON. Its shaders run with bounds checks; naga has none for loads and stores of cooperative
    /// matrices, so a file from a stranger with such is not safe to run.
    ///
    /// # Errors
    /// Text that is no such plan; a number in it that points nowhere.
    pub fn from_json(text: &[u8]) -> Result<Lowered> {
        let lowered: Lowered =
            serde_json::from_slice(text).map_err(|e| Error::Invalid(format!("this is no lowered plan: {e}")))?;
        match lowered.unsound() {
            None => Ok(lowered),
            Some(what) => Err(Error::Invalid(format!("the lowered plan {} is damaged: {what}", lowered.name))),
        }
    }

    /// What of it points nowhere or does not fit together.
    fn unsound(&self) -> Option<String> {
        if let Some(slot) = self.slots.iter().find(|s| s.bytes > 4 * MOST_ELEMENTS) {
            return Some(format!("a slot has {} bytes", slot.bytes));
        }
        for a in &self.arrays {
            if a.len > MOST_ELEMENTS {
                return Some(format!("array {} has {} elements", a.name, a.len));
            }
            let at = |what: &str| Some(format!("array {}: {what}", a.name));
            if a.texture.is_some() && a.role != Role::Transient {
                return at("it is no transient, and only those live in textures");
            }
            if let Some(Layout::ByGroup { groups, part }) = a.texture
                && !groups.checked_mul(part).is_some_and(|t| (1..=a.len / 4).contains(&t) && a.len / 4 % t == 0)
            {
                return at("its rows are not whole");
            }
            let held = a.slot.map(|s| self.slots.get(s));
            match (a.role, held) {
                (Role::Transient, Some(None)) => return at("its slot does not exist"),
                (Role::Transient, Some(Some(s))) if s.bytes < a.bytes() || s.texture != a.format() => {
                    return at("its slot does not hold it");
                }
                (Role::Transient, _) => {}
                (Role::Constant, _) if a.data.len() != a.len => return at("it has not as many words as elements"),
                (_, Some(_)) => return at("only a transient has a slot"),
                _ => {}
            }
        }
        for c in &self.commands {
            let (scope, parts) = match c {
                Command::Dispatch { scope, args, .. } => (scope, args.as_slice()),
                Command::Copy { scope, from, .. } => (scope, std::slice::from_ref(from)),
            };
            let at = |what: String| Some(format!("{scope}: {what}"));
            let in_memory = |a: &Array| a.role != Role::Transient || a.slot.is_some();
            for p in parts {
                match self.arrays.get(p.array) {
                    None => return at(format!("there is no array {}", p.array)),
                    Some(a) if p.offset.checked_add(p.bytes).is_none_or(|end| end > a.bytes()) => {
                        return at(format!("{} is bound beyond its end", a.name));
                    }
                    Some(a) if !in_memory(a) => return at(format!("{} has no memory", a.name)),
                    Some(_) => {}
                }
            }
            match c {
                Command::Dispatch { params, .. } if params.len() * 4 > CONSTANTS => {
                    return at(format!("{} constants, there may be {}", params.len(), CONSTANTS / 4));
                }
                Command::Dispatch { shader, args, .. } => match self.shaders.get(*shader) {
                    None => return at(format!("there is no shader {shader}")),
                    Some(s) if s.bindings.len() != args.len() => {
                        return at(format!("{} takes {} arguments, not {}", s.file, s.bindings.len(), args.len()));
                    }
                    Some(s) => {
                        let texture = |b: &Binding| matches!(b.kind, Kind::Texture | Kind::HalfTexture);
                        let other = s
                            .bindings
                            .iter()
                            .zip(args)
                            .find(|(b, p)| texture(b) != self.arrays[p.array].texture.is_some());
                        if let Some((b, _)) = other {
                            return at(format!("`{}` of {} is not of the kind that it is bound to", b.name, s.file));
                        }
                    }
                },
                Command::Copy { from, to, .. } => {
                    let (source, texel) = (&self.arrays[from.array], 4 * self.arrays[from.array].elem.bytes());
                    let holds = |a: &Array| {
                        let whole = a.len * a.elem.bytes() == from.bytes && from.bytes % texel == 0;
                        a.texture.is_some()
                            && source.texture.is_none()
                            && a.elem == source.elem
                            && in_memory(a)
                            && whole
                    };
                    if !self.arrays.get(*to).is_some_and(holds) {
                        return at("it copies into no texture that holds it".into());
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::conv2d;
    use crate::plan::Target;

    /// A convolution that reads textures, as on lavapipe.
    fn lowered() -> Lowered {
        let target = Target::baseline().with(|a| a.subgroup = Some(8)).forcing(conv2d::FORWARD.name, "lanes");
        let plans = (conv2d::FORWARD.cases)().into_iter().filter_map(|case| case.build(&target).ok());
        let plan = plans.map(|built| built.plan).next().expect("it runs some case");
        lower(&plan, &Shaders::default(), false).unwrap()
    }

    #[test]
    fn a_lowered_plan_reads_back_as_it_was_written() {
        let one = lowered();
        assert!(one.commands.iter().any(|c| matches!(c, Command::Copy { .. })));
        let other = Lowered::from_json(&serde_json::to_vec(&one).unwrap()).unwrap();
        assert_eq!((&one.name, &one.arrays, &one.slots), (&other.name, &other.arrays, &other.slots));
        assert_eq!(one.commands, other.commands);
        for (a, b) in one.shaders.iter().zip(&other.shaders) {
            assert_eq!((&a.file, &a.wgsl, &a.bindings, a.params), (&b.file, &b.wgsl, &b.bindings, b.params));
        }
    }

    #[test]
    fn a_damaged_file_is_refused_whole_with_what_is_wrong() {
        type Damage = fn(&mut Lowered);
        let refused = |change: Damage| {
            let mut changed = lowered();
            change(&mut changed);
            Lowered::from_json(&serde_json::to_vec(&changed).unwrap()).unwrap_err().to_string()
        };
        fn dispatch(l: &mut Lowered) -> (&mut usize, &mut Vec<Bound>) {
            let found = l.commands.iter_mut().find_map(|c| match c {
                Command::Dispatch { shader, args, .. } if args.len() > 1 => Some((shader, args)),
                _ => None,
            });
            found.expect("a dispatch")
        }
        fn copy(l: &mut Lowered) -> (&mut Bound, &mut usize) {
            let found = l.commands.iter_mut().find_map(|c| match c {
                Command::Copy { from, to, .. } => Some((from, to)),
                Command::Dispatch { .. } => None,
            });
            found.expect("a copy")
        }
        fn by_group(l: &mut Lowered, groups: usize, part: usize) {
            let texture = l.arrays.iter_mut().find(|a| a.texture.is_some());
            texture.expect("a texture").texture = Some(Layout::ByGroup { groups, part });
        }
        fn long(l: &mut Lowered) {
            let params = l.commands.iter_mut().find_map(|c| match c {
                Command::Dispatch { params, .. } => Some(params),
                Command::Copy { .. } => None,
            });
            params.expect("a dispatch").resize(65, 0);
        }
        let cases: [(Damage, &str); 16] = [
            (long, "constants"),
            (
                |l| {
                    let (from, to) = copy(l);
                    *from = Bound { array: *to, offset: 0, bytes: 16 };
                },
                "copies into no texture",
            ),
            (|l| *copy(l).1 = copy(l).0.array, "copies into no texture"),
            (|l| l.arrays.iter_mut().for_each(|a| a.texture = Some(Layout::InOrder)), "no transient"),
            (|l| by_group(l, 2, usize::MAX), "rows are not whole"),
            (|l| by_group(l, 0, 1), "rows are not whole"),
            (|l| by_group(l, 1, 1), "its slot does not hold it"),
            (|l| l.slots[0].bytes = usize::MAX, "a slot has"),
            (|l| *dispatch(l).0 = 1 << 30, "there is no shader"),
            (|l| dispatch(l).1[0].array = 1 << 30, "there is no array"),
            (|l| dispatch(l).1[0].offset = usize::MAX, "beyond its end"),
            (|l| dispatch(l).1[0].bytes = 1 << 40, "beyond its end"),
            (|l| dispatch(l).1.truncate(1), "arguments"),
            (|l| l.arrays[0].len = usize::MAX, "elements"),
            (|l| l.slots.clear(), "its slot does not exist"),
            (|l| l.slots.iter_mut().for_each(|s| s.bytes = 4), "its slot does not hold it"),
        ];
        for (change, what) in cases {
            let e = refused(change);
            assert!(e.contains(what) && e.contains("damaged"), "{what}: {e}");
        }
        assert!(Lowered::from_json(b"{\"name\": 1}").unwrap_err().to_string().contains("no lowered plan"));
    }
}
