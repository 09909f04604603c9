//! How far activity keeps its shape under a distortion (Merolla et al. 2016, figure 1D).

use super::statistics::pearson;
use super::{Correlation, Specimen, Trials, weighted};
use crate::data::{Batches, Part};
use crate::error::{Error, Result};
use crate::eval::Test;
use crate::kernels::relu;
use crate::model::{FORWARD, Placement};
use crate::plan::{Plan, Step};
use crate::projection::distortion::Distortion;

/// Ending of the buffers that hold what layers leave.
const OUTPUT: &str = ".output";

/// Where the activity of one layer with weights stands in a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The layer.
    pub layer: String,
    /// Buffer of its weighted sums.
    pub sums: usize,
    /// Buffer of its activity, see [`Correlation::r`].
    pub activity: usize,
}

/// The points of a test plan that was made with [`Options::unfused`](crate::plan::Options::unfused), in the order of the layers named in `layers`.
pub fn points(plan: &Plan, layers: &[&str]) -> Vec<Point> {
    let rectified =
        |b: usize| plan.dispatches().any(|c| c.kernel == relu::FORWARD.name && c.arg("y").view.buffer.0 as usize == b);
    let mut points: Vec<Point> = vec![];
    let mut found = true;
    for (b, buffer) in plan.buffers.iter().enumerate() {
        let Some(layer) = buffer.name.strip_suffix(OUTPUT) else { continue };
        if layers.contains(&layer) {
            points.push(Point { layer: layer.into(), sums: b, activity: b });
            found = false;
        } else if let (Some(point), false) = (points.last_mut(), found) {
            point.activity = b;
            found = rectified(b);
        }
    }
    points
}

/// Correlates the activity of every layer under `a` with that under each of `others`, on the first images of the test
/// data, a training batch of them. The batch-norm moments are those of the trials' protocol, for each distortion anew.
/// Random distortions take draw 0. None if the trials were stopped.
///
/// # Errors
/// As [`Trials::error`]; a test set without images.
pub fn correlation(
    specimen: &mut Specimen,
    trials: &mut Trials,
    a: &Distortion,
    others: &[Distortion],
) -> Result<Option<Vec<Correlation>>> {
    let data = trials.evaluator.data().clone();
    let batch = specimen.network.batch.min(data.split(Part::Test).labels.len());
    let images = Batches::sequential(data, Part::Test, batch)?.next();
    let images = images.ok_or_else(|| Error::Invalid("the data set has no test images".into()))??;
    // Every layer leaves its output in memory of its own.
    let target = specimen.session.target.unfused();
    let program = specimen.session.load(specimen.network.forward_plan(&target, batch, None)?.0, true)?;
    let points = points(&program.plan, &weighted(&specimen.network).map(|(name, _)| name).collect::<Vec<_>>());
    let mut activity = |specimen: &mut Specimen, d: &Distortion| -> Result<Option<Vec<[Vec<f32>; 2]>>> {
        let one = d.single_draw();
        trials.progress.bar.set_message(format!("activity under {one}"));
        let test = Test { distortion: &one, seed: specimen.seed, draw: 0, moments: trials.moments };
        if !trials.evaluator.prepare(specimen.session, &test, trials.progress)? {
            return Ok(None);
        }
        let (runner, plan) = (&mut specimen.session.runner, &program.loaded);
        runner.write(&specimen.network.uploads(&Placement::Uploaded, FORWARD), &images.images)?;
        runner.run(plan, &Step::default())?;
        let read = |b: usize| -> Result<Vec<f32>> { Ok(bytemuck::cast_slice(&runner.read_buffer(plan, b)?).to_vec()) };
        points.iter().map(|p| Ok([read(p.sums)?, read(p.activity)?])).collect::<Result<Vec<_>>>().map(Some)
    };
    let Some(before) = activity(specimen, a)? else { return Ok(None) };
    let mut out = vec![];
    for b in others {
        let Some(after) = activity(specimen, b)? else { return Ok(None) };
        for ((point, x), y) in points.iter().zip(&before).zip(&after) {
            out.push(Correlation {
                a: a.single_draw().to_string(),
                b: b.single_draw().to_string(),
                layer: point.layer.clone(),
                r: pearson(&x[1], &y[1]),
                r_sums: pearson(&x[0], &y[0]),
                images: batch,
            });
        }
    }
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Network;
    use crate::model::preset::Preset;

    /// `layer: sums, activity` by the names of the buffers.
    fn named(layers: &str) -> Vec<String> {
        let text = format!(
            "name = \"x\"\nbatch = 2\nepochs = 1\nprojection = \"sign\"\nloss = \"square_hinge\"\n\
             lr = {{ kind = \"constant\", initial = 0.01 }}\ndata.set = \"digits\"\nlayers = [{layers}]"
        );
        let network = Network::new(&Preset::from_toml(&text).unwrap(), [8, 8, 1], 10).unwrap();
        let target = crate::plan::Target::baseline().unfused();
        let (plan, _) = network.forward_plan(&target, 2, None).unwrap();
        let layers: Vec<&str> = weighted(&network).map(|(name, _)| name).collect();
        let name = |b: usize| plan.buffers[b].name.clone();
        points(&plan, &layers).iter().map(|p| format!("{}: {}, {}", p.layer, name(p.sums), name(p.activity))).collect()
    }

    #[test]
    fn activity_is_what_the_next_nonlinearity_leaves() {
        let layers = "{ conv2d = 4, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
            { conv2d = 4, kernel = 3, pad = 1 }, { maxpool = 2 }, { batchnorm = true }, { relu = true },
            { linear = 8 }, { linear = 10, output = true }, { batchnorm = true }";
        assert_eq!(
            named(layers),
            [
                "conv1: conv1.output, relu1.output",
                "conv2: conv2.output, relu2.output",
                "fc1: fc1.output, fc1.output",
                "fc2: fc2.output, bn3.output"
            ]
        );
    }

    #[test]
    fn the_activity_of_a_residual_block_is_behind_its_sum() {
        let layers = "{ conv2d = 4, kernel = 3, pad = 1 },
            { residual = [{ batchnorm = true }, { relu = true }, { conv2d = 4, kernel = 3, pad = 1 }] },
            { batchnorm = true }, { relu = true }, { linear = 10, output = true }";
        assert_eq!(
            named(layers),
            ["conv1: conv1.output, relu1.output", "conv2: conv2.output, relu2.output", "fc1: fc1.output, fc1.output"]
        );
    }
}
