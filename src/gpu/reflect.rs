//! What a composed shader binds, read from naga's module: bindings by name, fields of `Params` by name.

use naga::valid::{Capabilities, ModuleInfo};
use naga::{AddressSpace, Module, Scalar, ScalarKind, StorageAccess, TypeInner};

use super::compose::Composed;
use crate::kernels::{ArgSpec, Kernel, Variant, texels};
use crate::plan::{Access, Elem, Params, Value};

/// A shader that matches its kernel's signature.
#[derive(Clone, Debug)]
pub struct Reflected {
    /// Binding number of each argument, in the order of the signature.
    pub bindings: Vec<u32>,
    /// Whether each argument is read as a texture, in the order of the signature.
    pub texels: Vec<bool>,
    /// Binding number of the `params` block, if the shader has one.
    pub params_binding: Option<u32>,
    /// `(field, offset in bytes)` of the `Params` struct.
    pub fields: Vec<(String, u32, Elem)>,
    /// Size of the `Params` struct in bytes.
    pub params_size: u32,
    /// Invocations per workgroup in x, y, z.
    pub workgroup_size: [u32; 3],
}

impl Reflected {
    /// The words of the `Params` block.
    ///
    /// # Errors
    /// A field without a value, a value without a field, or of another type.
    pub fn pack(&self, params: &Params) -> Result<Vec<u32>, String> {
        let mut words = vec![0; self.params_size as usize / 4];
        for (name, value) in &params.0 {
            let Some((_, offset, elem)) = self.fields.iter().find(|(n, ..)| n == name) else {
                return Err(format!("Params has no field `{name}`"));
            };
            match (value, elem) {
                (Value::U32(_), Elem::U32) | (Value::F32(_), Elem::F32) => {}
                _ => return Err(format!("Params.{name} is {elem:?}, the host gives {value:?}")),
            }
            words[*offset as usize / 4] = value.bits();
        }
        match self.fields.iter().find(|(n, ..)| !params.0.iter().any(|(p, _)| p == n)) {
            Some((n, ..)) => Err(format!("the host gives no value for Params.{n}")),
            None => Ok(words),
        }
    }
}

/// Parses and validates a composed shader and checks it against the kernel.
///
/// # Errors
/// naga's message at the original file and line, or every mismatch.
pub fn reflect(kernel: &Kernel, variant: &Variant, shader: &Composed) -> Result<Reflected, String> {
    let module = parse(shader)?;
    validate(&module, shader, Capabilities::all())?;
    signature(kernel, variant, shader, &module)
}

/// The module of a composed shader, not validated.
///
/// # Errors
/// naga's message at the original file and line.
pub(super) fn parse(shader: &Composed) -> Result<Module, String> {
    naga::front::wgsl::parse_str(&shader.text).map_err(|e| {
        let line = e.location(&shader.text).map_or(0, |l| l.line_number as usize);
        format!("{}: {}\n{}", shader.place(line), e.message(), e.emit_to_string(&shader.text))
    })
}

/// Validates the module of a composed shader; it may use what `capabilities` say.
///
/// # Errors
/// naga's message at the original file and line.
pub(super) fn validate(module: &Module, shader: &Composed, capabilities: Capabilities) -> Result<ModuleInfo, String> {
    let mut validator = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities);
    validator.validate(module).map_err(|e| {
        let line = e.location(&shader.text).map_or(0, |l| l.line_number as usize);
        format!("{}: {}", shader.place(line), e.emit_to_string(&shader.text))
    })
}

/// Checks the module of a composed shader against the kernel: the bound names, their types and access, one entry point
/// `main`.
///
/// # Errors
/// Every mismatch.
pub(super) fn signature(
    kernel: &Kernel,
    variant: &Variant,
    shader: &Composed,
    module: &Module,
) -> Result<Reflected, String> {
    let file = kernel.file(variant);
    let [entry] = module.entry_points.as_slice() else {
        return Err(format!("{file}: {} entry points, there must be one", module.entry_points.len()));
    };
    if entry.name != "main" {
        return Err(format!("{file}: the entry point is called {}, not main", entry.name));
    }
    let mut out = Reflected {
        bindings: vec![],
        texels: vec![],
        params_binding: None,
        fields: vec![],
        params_size: 0,
        workgroup_size: entry.workgroup_size,
    };
    let mut bound = vec![];
    for (_, var) in module.global_variables.iter() {
        let Some(binding) = &var.binding else { continue };
        let name = var.name.clone().unwrap_or_default();
        if binding.group != 0 {
            return Err(format!("{file}: `{name}` is in group {}, only group 0 is used", binding.group));
        }
        let inner = &module.types[var.ty].inner;
        if name == "params" {
            let TypeInner::Struct { members, span } = inner else {
                return Err(format!("{file}: `params` is no struct"));
            };
            out.params_binding = Some(binding.binding);
            out.params_size = span.next_multiple_of(16);
            for m in members {
                let elem = match module.types[m.ty].inner {
                    TypeInner::Scalar(s) if s.width == 4 => scalar_elem(s),
                    _ => None,
                };
                let name = m.name.clone().unwrap_or_default();
                let elem = elem.ok_or_else(|| format!("{file}: Params.{name} must be u32 or f32"))?;
                out.fields.push((name, m.offset, elem));
            }
            continue;
        }
        if let TypeInner::Image { dim, arrayed, class } = inner {
            let of = |format| naga::ImageClass::Storage { format, access: StorageAccess::LOAD };
            let elem = match *class {
                c if c == of(naga::StorageFormat::Rgba32Float) => Some(Elem::F32),
                c if c == of(naga::StorageFormat::Rgba16Float) => Some(Elem::F16),
                _ => None,
            };
            let Some(elem) = elem.filter(|_| (*dim, *arrayed) == (naga::ImageDimension::D2, false)) else {
                return Err(format!("{file}: `{name}` must be texture_storage_2d<rgba32float, read>"));
            };
            bound.push((name, binding.binding, Access::Read, elem, true));
            continue;
        }
        let access = match var.space {
            AddressSpace::Uniform => Access::Uniform,
            AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => Access::Write,
            AddressSpace::Storage { .. } => Access::Read,
            _ => return Err(format!("{file}: `{name}` is neither storage nor uniform")),
        };
        let elem = match inner {
            TypeInner::Array { base, .. } => match module.types[*base].inner {
                TypeInner::Scalar(s) | TypeInner::Vector { scalar: s, .. } => scalar_elem(s),
                TypeInner::Atomic(s) => scalar_elem(s),
                // A table of records, uploaded as words.
                TypeInner::Struct { .. } => Some(Elem::U32),
                _ => None,
            },
            TypeInner::Struct { .. } => Some(Elem::U32),
            _ => None,
        };
        let Some(elem) = elem else { return Err(format!("{file}: `{name}` has an element type that is not used")) };
        bound.push((name, binding.binding, access, elem, false));
    }
    let mut bad = vec![];
    for spec in kernel.args.iter().filter(|spec| shader.binds(spec)) {
        match bound.iter().find(|(n, ..)| n == spec.name) {
            None => bad.push(format!("{file}: `{}` of {} is not bound", spec.name, kernel.name)),
            Some((_, binding, access, elem, texels)) => {
                out.bindings.push(*binding);
                out.texels.push(*texels);
                if !same_access(spec, *access) {
                    bad.push(format!("{file}: `{}` is {access:?}, the kernel says {:?}", spec.name, spec.access));
                }
                let half = shader.halves.iter().any(|name| name == spec.name);
                let want = if half { Elem::F16 } else { spec.elem };
                if *elem != want {
                    bad.push(format!("{file}: `{}` is {elem:?}, the kernel says {want:?}", spec.name));
                }
            }
        }
    }
    for (name, ..) in &bound {
        match kernel.args.iter().find(|s| s.name == name) {
            None => bad.push(format!("{file}: `{name}` is bound but no argument of {}", kernel.name)),
            Some(s) if !shader.binds(s) => bad.push(format!("{file}: `{name}` is bound where it is not given")),
            Some(_) => {}
        }
    }
    let mut textures: Vec<&str> = bound.iter().filter(|b| b.4).map(|b| b.0.as_str()).collect();
    let mut declared = texels::declared(kernel.source(variant));
    declared.retain(|name| !shader.arrays.iter().any(|array| array == name));
    declared.retain(|name| kernel.args.iter().any(|spec| spec.name == *name && shader.binds(spec)));
    textures.sort_unstable();
    declared.sort_unstable();
    if textures != declared {
        bad.push(format!("{file}: textures {textures:?}; declared on lines of their own are {declared:?}"));
    }
    let storage = bound.iter().filter(|(_, _, a, ..)| *a != Access::Uniform).count();
    if storage > 8 {
        bad.push(format!("{file}: {storage} storage buffers; eight is what every adapter has"));
    }
    if bad.is_empty() { Ok(out) } else { Err(bad.join("\n")) }
}

fn scalar_elem(scalar: Scalar) -> Option<Elem> {
    match (scalar.kind, scalar.width) {
        (ScalarKind::Float, 4) => Some(Elem::F32),
        (ScalarKind::Float, 2) => Some(Elem::F16),
        (ScalarKind::Uint, 4) => Some(Elem::U32),
        _ => None,
    }
}

fn same_access(spec: &ArgSpec, found: Access) -> bool {
    match spec.access {
        Access::Write | Access::ReadWrite => found == Access::Write,
        other => found == other,
    }
}
