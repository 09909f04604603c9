//! Which layer suffers most.

use super::{LayerError, Specimen, Trials, weighted};
use crate::error::Result;
use crate::projection::Projection;
use crate::projection::distortion::{Distortion, Link, layer};

/// The test error with each of `layers` distorted alone and, if `except`, with all layers but that one distorted; before
/// them, for comparison, that of the undistorted network, and that under `distortion` as it is. None if the trials were
/// stopped.
///
/// # Errors
/// As [`Trials::error`].
pub fn sensitivity(
    specimen: &mut Specimen,
    trials: &mut Trials,
    distortion: &Distortion,
    layers: &[String],
    except: bool,
) -> Result<Option<Vec<LayerError>>> {
    let network = specimen.network.clone();
    let tensors: Vec<&str> = weighted(&network).map(|(_, t)| t.name.as_str()).collect();
    let none = Distortion::from(Projection::NONE);
    let all = LayerError::ALL.to_owned();
    let mut rows = vec![(none.clone(), &none, &all, false), (distortion.clone(), distortion, &all, false)];
    for name in layers {
        rows.push((only(distortion, &tensors, name), distortion, name, false));
        if except {
            rows.push((but(distortion, &tensors, name), distortion, name, true));
        }
    }
    let mut out = vec![];
    for (here, of, name, except) in rows {
        let Some(error) = trials.error(specimen, &here)? else { return Ok(None) };
        let (distortion, layer) = (of.single_draw().to_string(), name.clone());
        out.push(LayerError { distortion, layer, except, error, measured: trials.measured(specimen, &here) });
    }
    Ok(Some(out))
}

/// Test errors that [`sensitivity`] takes for so many layers.
pub fn errors(layers: usize, except: bool) -> usize {
    2 + layers * if except { 2 } else { 1 }
}

/// What a distortion does to one layer alone. The links keep their places in the chain, and with them their random
/// numbers.
fn only(distortion: &Distortion, tensors: &[&str], name: &str) -> Distortion {
    let here = |link: &Link| tensors.iter().any(|t| layer(t) == name && distortion.applies(link, t));
    choose(distortion, here, |link| Link { layers: Some(name.into()), ..link.clone() }, vec![])
}

/// What a distortion does to all layers but one.
fn but(distortion: &Distortion, tensors: &[&str], name: &str) -> Distortion {
    let elsewhere = |link: &Link| tensors.iter().any(|t| layer(t) != name && distortion.applies(link, t));
    let mut except = distortion.except.clone();
    if tensors.iter().any(|t| layer(t) == name && distortion.links.iter().any(|l| distortion.applies(l, t))) {
        except.push(name.into());
    }
    choose(distortion, elsewhere, Link::clone, except)
}

/// The links that act somewhere, changed by `change`; in the place of the others one that does nothing.
fn choose(
    distortion: &Distortion,
    acts: impl Fn(&Link) -> bool,
    change: impl Fn(&Link) -> Link,
    except: Vec<String>,
) -> Distortion {
    if !distortion.links.iter().any(&acts) {
        return Distortion::from(Projection::NONE);
    }
    let nothing = Link::from(Projection::NONE);
    let links = distortion.links.iter().map(|l| if acts(l) { change(l) } else { nothing.clone() }).collect();
    Distortion { links, except, draws: distortion.draws }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENSORS: [&str; 3] = ["conv1.weight", "conv2.weight", "fc1.weight"];

    #[test]
    fn one_layer_alone_is_written_by_its_name_and_all_but_one_as_an_exception() {
        for (text, layer, alone, all_but) in [
            ("sign", "conv1", "conv1:sign", "sign except conv1"),
            ("addnorm:0.5 x4", "fc1", "fc1:addnorm:0.5 x4", "addnorm:0.5 except fc1 x4"),
            ("conv*:sign+addnorm:0.5", "conv2", "conv2:sign+conv2:addnorm:0.5", "conv*:sign+addnorm:0.5 except conv2"),
            // The noise stays the second link, whose random numbers are its own.
            ("conv*:sign+addnorm:0.5", "fc1", "none+fc1:addnorm:0.5", "conv*:sign+addnorm:0.5 except fc1"),
            ("conv1:sign+addnorm:0.5", "conv1", "conv1:sign+conv1:addnorm:0.5", "none+addnorm:0.5 except conv1"),
            ("sign except fc1", "conv1", "conv1:sign", "sign except fc1 conv1"),
            ("sign except conv1", "conv1", "none", "sign except conv1"),
            ("conv*:sign", "conv1", "conv1:sign", "conv*:sign except conv1"),
            ("conv*:sign", "fc1", "none", "conv*:sign"),
            ("conv1:sign", "conv1", "conv1:sign", "none"),
        ] {
            let distortion = Distortion::parse(text).unwrap();
            let got = [only(&distortion, &TENSORS, layer), but(&distortion, &TENSORS, layer)].map(|d| d.to_string());
            assert_eq!(got, [alone, all_but], "{text}, {layer}");
        }
        assert_eq!(but(&Distortion::parse("sign").unwrap(), &TENSORS[..1], "conv1").to_string(), "none");
    }
}
