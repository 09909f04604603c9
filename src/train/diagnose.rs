//! After a loss that is not finite: which scope first produced such a value.

use std::sync::Arc;

use crate::data::{Batches, Part, Position, Prepared};
use crate::error::{Error, Result};
use crate::model::Placement;
use crate::plan::{Elem, Role, Step};
use crate::projection::distortion::Distortion;
use crate::session::{Session, Training, images};

/// Repeats step `number`, command by command, and looks at everything each command writes. After a bad loss the weights
/// are still those that the step read; after a bad update its sound elements have moved on.
///
/// Returns the error to report. `projection` is that of the step.
pub fn non_finite(
    session: &mut Session,
    data: Arc<Prepared>,
    projection: &Distortion,
    step: &Step,
    number: u64,
) -> Error {
    match search(session, data, projection, step, number) {
        Ok(error) | Err(error) => error,
    }
}

fn search(
    session: &mut Session,
    data: Arc<Prepared>,
    projection: &Distortion,
    step: &Step,
    number: u64,
) -> Result<Error> {
    const REMEDY: &str = "try a smaller learning rate (--set lr.initial=...), or clipping (--set clip.factor=0.5)";
    let report = |scope: &str, what: String| Error::NonFinite {
        step: number,
        scope: scope.into(),
        message: format!("{what}; {REMEDY}"),
    };
    let network = session.network.clone();
    let chunks = network.parameters.chunks();
    let flagged = session.runner.read("maxima", chunks.len())?;
    let flagged = flagged.iter().position(|&m| !f32::from_bits(m).is_finite());
    let tensor = |chunk: usize| &network.parameters.tensors[chunks[chunk].tensor].name;
    let placement = network.sent();
    let training = Training::load(session, &placement, true)?;
    session.start(number)?;
    session.set_projection(projection)?;
    let (at, form) = (Position { step: number }, images::form(&placement, step.seed(), 0));
    let batch = Batches::train_in(form, data.clone(), network.images_per_step(), step.seed(), at)?.next();
    let batch = batch.ok_or_else(|| Error::Invalid("the data ended".into()))??;
    // Parts of pictures are bytes.
    let values = if placement == Placement::Uploaded { data.values_of(&batch.images) } else { vec![] };
    if let Some(i) = values.iter().position(|v| !v.is_finite()) {
        return Ok(report("data", format!("value {i} of the batch is {}", values[i])));
    }
    images::upload(&mut session.runner, &data, Part::Train, &placement)?;
    for part in training.parts() {
        let program = training.program(*part);
        training.feed(session, *part, &placement, &batch)?;
        let runner = &mut session.runner;
        runner.write("step", &part.block(step).words())?;
        for (i, command) in program.plan.commands.iter().enumerate() {
            runner.run_commands(&program.loaded, i..i + 1)?;
            for a in command.args().iter().filter(|a| a.access.writes()) {
                let b = program.plan.buffer(a.view.buffer);
                if b.elem == Elem::U32 || b.role == Role::Constant {
                    continue;
                }
                let words = runner.read_buffer(&program.loaded, a.view.buffer.0 as usize)?;
                let values: &[f32] = &bytemuck::cast_slice(&words)[a.view.offset..a.view.offset + a.view.len];
                if let Some(e) = values.iter().position(|v| !v.is_finite()) {
                    if a.name == "maxima" {
                        let scope = format!("{} of {}", command.scope(), tensor(e));
                        return Ok(report(&scope, "the new value of a weight or of the optimiser's state".into()));
                    }
                    let end =
                        if b.elem == Elem::F16 { "; f16 ends at 65504, use --set precision=f32 or split" } else { "" };
                    return Ok(report(
                        command.scope(),
                        format!("`{}` of {} has {} at element {e}{end}", a.name, command.what(), values[e]),
                    ));
                }
            }
        }
    }
    if let Some(chunk) = flagged {
        let what = "its gradient or its update was not finite; the repetition of the step found nothing".into();
        return Ok(report(tensor(chunk), what));
    }
    Ok(report("loss", "the loss was not finite, but the repetition of the step found nothing".into()))
}
