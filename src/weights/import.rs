//! Weights from elsewhere: a safetensors file with PyTorch's names and layouts for the network of a preset.
//!
//! Which tensor is which: by `[names]` of the preset if it has any; else by name, where the file uses ours
//! (`conv1.weight`); else by order: the modules of the file whose weights have four dimensions are the convolutions, those
//! of two the linear layers, those with moments or a weight of one dimension batch norm, each kind in the order of the
//! numbers in their names (`features.2` before `features.10`), which is that of `nn.Sequential`. Names that differ in more
//! than numbers say nothing of the order, and are refused where the shapes do not tell the modules apart. Shapes are
//! checked in every case, and nothing is loaded unless everything fits. Layers may be excepted: they keep the weights that
//! they have, and the file need not have them, may have them in another shape, or may have others in their place.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::elements::decode;
use super::{checkpoint, export, layout};
use crate::error::{Error, Result, suggest};
use crate::kernels::parameters::Tensor;
use crate::model::Network;
use crate::projection::distortion;

/// What PyTorch counts in batch norm and nobody needs.
const COUNTER: &str = "num_batches_tracked";
/// Complaints that one error lists.
const MOST_COMPLAINTS: usize = 12;

/// What a file gives.
pub struct Imported {
    /// The flat array of parameters.
    pub weights: Vec<f32>,
    /// The batch-norm moments, in the order of [`Network::moments`], if the file has them.
    pub moments: Option<Vec<(String, Vec<f32>)>>,
    /// Tensors of parameters that were excepted, and keep the weights that they had.
    pub kept: Vec<String>,
}

/// What is asked of a file.
pub struct Request<'a> {
    /// The table of the preset: names of tensors or modules in the file, and what they are called here. Checkpoints use our
    /// names, so none of it holds for them.
    pub names: &'a BTreeMap<String, String>,
    /// Patterns of layers or tensors that are not taken; none where all must be.
    pub except: Option<&'a [String]>,
    /// The flat array of parameters that is written over.
    pub weights: Vec<f32>,
}

impl Request<'_> {
    fn excepts(&self, tensor: &str) -> bool {
        self.except.unwrap_or_default().iter().any(|pattern| distortion::selects(pattern, tensor))
    }
}

/// Reads `path`, a safetensors file or a checkpoint, for `network`.
///
/// # Errors
/// A file that is no sound safetensors file; tensors that are missing, too many, of another shape, of a type that is not
/// f32, f16 or bf16, or not finite; negative variances: all of them with what is expected. A pattern that matches nothing.
pub fn load(path: &Path, network: &Network, request: Request) -> Result<Imported> {
    let of_training = checkpoint::is_one(path)?;
    let none = BTreeMap::new();
    let request = Request { names: if of_training { &none } else { request.names }, ..request };
    let bytes = checkpoint::unpacked(path)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::format(path, format!("this is no sound safetensors file: {e}")))?;
    let weights = |name: &str| split(name).1 != COUNTER && !(of_training && export::is_state(name));
    let tensors: BTreeMap<String, TensorView> = file.tensors().into_iter().filter(|(name, _)| weights(name)).collect();
    let wanted = wanted(network);
    for pattern in request.except.unwrap_or_default() {
        let mut all = wanted.iter().map(|w| w.name.as_str()).chain(tensors.keys().map(String::as_str));
        if !all.any(|name| distortion::selects(pattern, name)) {
            let mut layers: Vec<&str> = wanted.iter().map(|w| split(&w.name).0).collect();
            layers.sort_unstable();
            layers.dedup();
            let near = suggest(pattern, layers);
            return Err(Error::Invalid(format!(
                "\"{pattern}\" is no layer of the network, and no tensor of {}.{near}",
                path.display()
            )));
        }
    }
    let hint = match request.except {
        Some(_) => "\nLayers that differ are left out, here or in the file, with --init-except PATTERN...",
        None => "",
    };
    let renamed = rename(&tensors, &wanted, &request).map_err(|message| Error::format(path, message + hint))?;
    take(network, &tensors, &wanted, &renamed, request).map_err(|complaints| {
        let more = complaints.len().saturating_sub(MOST_COMPLAINTS);
        let mut text = complaints[..complaints.len() - more].join("\n  ");
        if more > 0 {
            text += &format!("\n  and {more} more");
        }
        Error::format(path, format!("these weights are not those of this network; nothing is loaded:\n  {text}{hint}"))
    })
}

/// A tensor that the network has.
struct Wanted {
    /// Its name here.
    name: String,
    /// Its shape in PyTorch.
    shape: Vec<usize>,
    /// Whether the file may lack it: moments can be re-computed.
    moment: bool,
}

impl Wanted {
    fn is_variance(&self) -> bool {
        self.moment && split(&self.name).1 == "running_var"
    }
}

/// Moments come first: they show every batch norm in its place, those without gamma and beta too.
fn wanted(network: &Network) -> Vec<Wanted> {
    let moments = network.moments().into_iter();
    let moments = moments.map(|(name, channels)| Wanted { name, shape: vec![channels], moment: true });
    let tensors = network.parameters.tensors.iter();
    let shape = |t: &Tensor| Wanted { name: t.name.clone(), shape: layout::torch_shape(&t.shape), moment: false };
    moments.chain(tensors.map(shape)).collect()
}

/// Module and the last part of the name: `features.0` and `weight`.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// What a module is, by its tensors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Convolution,
    Linear,
    BatchNorm,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Convolution, Kind::Linear, Kind::BatchNorm];

    fn plural(self) -> &'static str {
        match self {
            Kind::Convolution => "convolutions",
            Kind::Linear => "linear layers",
            Kind::BatchNorm => "batch norms",
        }
    }

    /// The kind that a tensor of a module shows it to be of, if it does.
    fn of(leaf: &str, dimensions: usize) -> Option<Kind> {
        match (leaf, dimensions) {
            ("weight", 4) => Some(Kind::Convolution),
            ("weight", 2) => Some(Kind::Linear),
            ("weight" | "running_mean", 1) => Some(Kind::BatchNorm),
            _ => None,
        }
    }
}

/// Name in the file -> name here, for every tensor of the file.
fn rename(
    tensors: &BTreeMap<String, TensorView>,
    wanted: &[Wanted],
    request: &Request,
) -> std::result::Result<BTreeMap<String, String>, String> {
    if !request.names.is_empty() {
        return by_table(tensors, request.names);
    }
    let same = |name: &String| (name.clone(), name.clone());
    if tensors.keys().any(|name| wanted.iter().any(|w| w.name == *name)) {
        return Ok(tensors.keys().map(same).collect());
    }
    let mut theirs = modules(tensors.iter().map(|(name, t)| (name.as_str(), t.shape())));
    theirs.sort_by(|a, b| natural(a.name, b.name));
    let ours = modules(wanted.iter().map(|w| (w.name.as_str(), w.shape.as_slice())));
    let mut modules: BTreeMap<&str, &str> = BTreeMap::new();
    let mut complaints = vec![];
    for kind in Kind::ALL {
        let [there, here] = [&theirs, &ours].map(|all| all.iter().filter(|m| m.kind == kind).collect::<Vec<&Module>>());
        let (there, here) = pair(there, here, request);
        if there.len() != here.len() {
            let list = |all: &[&Module]| all.iter().map(|m| m.name).collect::<Vec<_>>().join(", ");
            complaints.push(format!(
                "{} in the file: {} ({}), in the network: {} ({})",
                kind.plural(),
                there.len(),
                list(&there),
                here.len(),
                list(&here)
            ));
            continue;
        }
        if let Some((a, b)) = undecided(&there) {
            complaints.push(format!("which of {a} and {b} comes first, their names do not say"));
        }
        modules.extend(there.iter().map(|m| m.name).zip(here.iter().map(|m| m.name)));
    }
    if !complaints.is_empty() {
        return Err(format!(
            "these weights are not those of this network; nothing is loaded: {}. If it is the right preset, tell \
             which is which in its table [names]",
            complaints.join("; ")
        ));
    }
    let pairs: Vec<String> = ours
        .iter()
        .filter_map(|our| modules.iter().find(|(_, o)| **o == our.name).map(|(their, o)| format!("{o} = {their}")))
        .collect();
    log::info!("weights by the order of layers (a table [names] in the preset says otherwise): {}", pairs.join(", "));
    let renamed = |name: &String| {
        let (module, leaf) = split(name);
        (name.clone(), modules.get(module).map_or_else(|| name.clone(), |ours| format!("{ours}.{leaf}")))
    };
    Ok(tensors.keys().map(renamed).collect())
}

/// Both lists if they are of one length; else without the excepted modules of ours, of theirs or of both, whichever pair is.
fn pair<'a, 'b>(
    there: Vec<&'a Module<'a>>,
    here: Vec<&'b Module<'b>>,
    request: &Request,
) -> (Vec<&'a Module<'a>>, Vec<&'b Module<'b>>) {
    let taken = |m: &&Module| !request.excepts(&format!("{}.weight", m.name));
    let there_taken: Vec<&Module> = there.iter().copied().filter(taken).collect();
    let here_taken: Vec<&Module> = here.iter().copied().filter(taken).collect();
    for there in [&there, &there_taken] {
        for here in [&here, &here_taken] {
            if there.len() == here.len() {
                return (there.clone(), here.clone());
            }
        }
    }
    (there, here)
}

/// A module whose tensors show its kind.
struct Module<'a> {
    name: &'a str,
    kind: Kind,
    /// Of the tensor that showed the kind.
    shape: &'a [usize],
}

/// The modules in the order in which their tensors come.
fn modules<'a>(tensors: impl Iterator<Item = (&'a str, &'a [usize])>) -> Vec<Module<'a>> {
    let (mut all, mut known) = (vec![], HashSet::new());
    for (name, shape) in tensors {
        let (module, leaf) = split(name);
        if let Some(kind) = Kind::of(leaf, shape.len())
            && known.insert(module)
        {
            all.push(Module { name: module, kind, shape });
        }
    }
    all
}

/// Two modules of one shape whose names differ in more than numbers.
fn undecided<'a>(modules: &[&Module<'a>]) -> Option<(&'a str, &'a str)> {
    let words = |m: &Module| m.name.split(|c: char| c.is_ascii_digit()).collect::<String>();
    let mut pairs = modules.iter().enumerate().flat_map(|(i, a)| modules[i + 1..].iter().map(move |b| (a, b)));
    pairs.find(|(a, b)| a.shape == b.shape && words(a) != words(b)).map(|(a, b)| (a.name, b.name))
}

/// By the table of the preset: the whole name, else the longest module that it names, else unchanged.
fn by_table(
    tensors: &BTreeMap<String, TensorView>,
    names: &BTreeMap<String, String>,
) -> std::result::Result<BTreeMap<String, String>, String> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut out = BTreeMap::new();
    for name in tensors.keys() {
        let mut at = name.len();
        let mut ours = name.clone();
        loop {
            if let Some((key, to)) = names.get_key_value(&name[..at]) {
                used.insert(key);
                ours = format!("{to}{}", &name[at..]);
                break;
            }
            match name[..at].rfind('.') {
                Some(dot) => at = dot,
                None => break,
            }
        }
        out.insert(name.clone(), ours);
    }
    match names.keys().find(|key| !used.contains(key.as_str())) {
        None => Ok(out),
        Some(key) => {
            let modules: BTreeSet<&str> = tensors.keys().flat_map(|name| [name.as_str(), split(name).0]).collect();
            let near = suggest(key, modules);
            Err(format!("[names] of the preset says \"{key}\", and the file has no such tensor or module.{near}"))
        }
    }
}

/// `features.2` before `features.10`: digits count as one number.
fn natural(a: &str, b: &str) -> Ordering {
    let parts = |name: &str| -> Vec<(Option<u64>, String)> {
        let mut out: Vec<(Option<u64>, String)> = vec![];
        let mut text = name;
        while let Some(first) = text.chars().next() {
            let digits = first.is_ascii_digit();
            let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
            out.push((text[..end].parse().ok().filter(|_| digits), text[..end].to_owned()));
            text = &text[end..];
        }
        out
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

/// Fills the arrays, or says all that does not fit.
fn take(
    network: &Network,
    tensors: &BTreeMap<String, TensorView>,
    wanted: &[Wanted],
    renamed: &BTreeMap<String, String>,
    request: Request,
) -> std::result::Result<Imported, Vec<String>> {
    let mut complaints = vec![];
    let mut source: BTreeMap<&str, &str> = BTreeMap::new();
    let mut excepted: BTreeSet<&str> = wanted.iter().map(|w| w.name.as_str()).filter(|w| request.excepts(w)).collect();
    for (theirs, ours) in renamed {
        if request.excepts(ours) || request.excepts(theirs) {
            excepted.insert(ours);
            continue;
        }
        if wanted.iter().all(|w| w.name != *ours) {
            let near = suggest(ours, wanted.iter().map(|w| w.name.as_str()));
            let here = if ours == theirs { String::new() } else { format!(" ({ours} here)") };
            complaints.push(format!("{theirs}{here}: the network has no such tensor.{near}"));
        } else if let Some(other) = source.insert(ours, theirs) {
            complaints.push(format!("{theirs} and {other} would both be {ours}"));
        }
    }
    let any_moment = wanted.iter().any(|w| w.moment && source.contains_key(w.name.as_str()));
    let (kept, taken): (Vec<&Wanted>, Vec<&Wanted>) = wanted.iter().partition(|w| excepted.contains(w.name.as_str()));
    let kept = kept.iter().filter(|w| !w.moment).map(|w| w.name.clone()).collect();
    let mut imported = Imported { weights: request.weights, moments: any_moment.then(Vec::new), kept };
    for w in taken {
        let Some(theirs) = source.get(w.name.as_str()) else {
            if !w.moment || any_moment {
                complaints.push(format!("{}: missing; f32 of shape {:?} is expected", w.name, w.shape));
            }
            continue;
        };
        let label = if *theirs == w.name { w.name.clone() } else { format!("{theirs} ({} here)", w.name) };
        match values(&tensors[*theirs], w) {
            Err(message) => complaints.push(format!("{label}: {message}")),
            Ok(data) => match (network.parameters.find(&w.name), &mut imported.moments) {
                (Some(t), _) => match layout::from_torch(&label, &w.shape, &data, network.flattens(&w.name)) {
                    Ok((_, data)) => imported.weights[t.offset..t.offset + t.len()].copy_from_slice(&data),
                    Err(e) => complaints.push(e.to_string()),
                },
                (None, Some(moments)) => moments.push((w.name.clone(), data)),
                (None, None) => {}
            },
        }
    }
    if complaints.is_empty() { Ok(imported) } else { Err(complaints) }
}

/// The elements of a tensor, if they can be those of the one that is wanted.
fn values(tensor: &TensorView, wanted: &Wanted) -> std::result::Result<Vec<f32>, String> {
    if tensor.shape() != wanted.shape {
        return Err(format!("shape {:?}; {:?} is expected", tensor.shape(), wanted.shape));
    }
    if !matches!(tensor.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
        return Err(format!("type {:?}; F32 is expected (or F16, BF16): save it as `tensor.float()`", tensor.dtype()));
    }
    let data = decode(tensor);
    match data.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(format!("element {at} is {}; finite numbers are expected", data[at])),
        None => match data.iter().position(|v| wanted.is_variance() && *v < 0.0) {
            Some(at) => Err(format!("element {at} is {}; a variance is not negative", data[at])),
            None => Ok(data),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["features.10", "features.2", "features.2.1", "classifier.0", "features"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["classifier.0", "features", "features.2", "features.2.1", "features.10"]);
        assert_eq!(natural("layer1.0", "layer1.0"), Ordering::Equal);
        assert_eq!(natural("a99999999999999999999999", "a1"), natural("a99999999999999999999999", "a1"));
    }

    #[test]
    fn a_module_is_what_its_weight_says() {
        let tensors: [(&str, &[usize]); 5] = [
            ("0.bias", &[4]),
            ("0.weight", &[4, 1, 3, 3]),
            ("1.running_mean", &[4]),
            ("4.weight", &[9, 4]),
            ("x", &[2; 3]),
        ];
        let kinds: Vec<_> = modules(tensors.into_iter()).iter().map(|m| (m.name, m.kind.plural())).collect();
        assert_eq!(kinds, [("0", "convolutions"), ("1", "batch norms"), ("4", "linear layers")]);
    }

    #[test]
    fn an_order_that_only_the_alphabet_gives_is_none() {
        let of = |name, shape| Module { name, kind: Kind::Convolution, shape };
        let (a, b, c) = (of("block1.conv2", &[4][..]), of("block2.conv1", &[4][..]), of("stem", &[4][..]));
        assert_eq!(undecided(&[&a, &b]), None);
        assert_eq!(undecided(&[&a, &b, &c]), Some(("block1.conv2", "stem")));
        assert_eq!(undecided(&[&a, &b, &of("stem", &[3])]), None);
    }
}
