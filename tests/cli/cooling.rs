//! Projections whose parameters move over training.

use serde_json::Value;

use super::{Place, Ran, small};

/// A learning rate that does not look at the number of epochs; ten steps are one.
const STEADY: &str = "--set lr={kind=\"constant\",initial=0.01}";

fn train(place: &Place, run: &str, projection: &str, more: &str) -> Ran {
    let mut command = place.command(&small(run, &format!("{STEADY} {more}")));
    Ran::of(command.args(["--set", &format!("projection={projection}")]).output().unwrap())
}

#[test]
fn values_change_with_the_epoch_and_a_way_between_equal_ends_changes_nothing() {
    let place = Place::new();
    for (run, projection, more) in [
        ("still", "addnorm:0.3", "--set steps=20"),
        ("equal", "addnorm:0.3->0.3", "--set steps=20"),
        // The first two epochs have 0.3 and 0.225 in each of these.
        ("line", "addnorm:0.3->0", "--set steps=20 --set epochs=4"),
        ("half", "addnorm:0.3 to 0.15", "--set epochs=2"),
        ("layers", "conv*:addnorm:0.3->0 + fc*:addnorm:0.3->0", "--set steps=20 --set epochs=4"),
        // 0.3 and 0.15.
        ("steep", "addnorm:0.3->0", "--set epochs=2"),
        ("cosine", "addnorm:0.3->0 cosine", "--set epochs=2"),
    ] {
        train(&place, run, projection, more).ok();
    }
    place.assert_same_tensors("equal", "still");
    place.assert_same_tensors("half", "line");
    place.assert_same_tensors("layers", "line");
    place.assert_same_tensors("cosine", "steep");
    assert!(place.tensors("line") != place.tensors("still") && place.tensors("line") != place.tensors("steep"));
}

#[test]
fn a_run_that_was_stopped_goes_on_with_the_values_of_its_steps() {
    let place = Place::new();
    for projection in ["addnorm:0.3->0", "prune:0->0.8 cosine", "conv*:power:0..2->1+fc*:quant:8->1"] {
        let [whole, parts] = ["whole", "parts"].map(|run| format!("{run}-{}", projection.len()));
        train(&place, &whole, projection, "--set epochs=4").ok();
        train(&place, &parts, projection, "--set epochs=4 --set steps=17").ok();
        place.run(&format!("train {parts} --resume --set steps=40")).ok();
        // The log of the one tells of its last step, too.
        place.assert_same_tensors(&parts, &whole);
        assert_eq!(place.log(&parts).last(), place.log(&whole).last());
    }
    // Another number of epochs is another schedule.
    let refused = place.run("train parts-14 --resume --set epochs=8");
    refused.refused(&["epochs = 8 (was 4)", "schedule of the projection depends on epochs"]);
}

#[test]
fn tests_of_the_projection_of_training_take_its_value_at_the_step_of_the_weights() {
    let place = Place::new();
    let eval = "--set eval.distort=[\"addnorm:0.5->0\",\"none\"] --set eval.every=1 --set epochs=4 --set steps=20";
    train(&place, "run", "addnorm:0.5->0", eval).ok();
    let logged: Vec<Value> = place.log("run").into_iter().filter(|l| l["eval"] == "addnorm:0.5->0").collect();
    assert_eq!(logged.len(), 2, "one name over all epochs");
    let losses = |options: &str, distort: &str| -> Value {
        let mut command = place.command(&format!("eval run --json {options}"));
        let out = Ran::of(command.args(["--distort", distort]).output().unwrap()).ok();
        serde_json::from_str::<Value>(&out).unwrap()["losses"].clone()
    };
    // Half of the training is over.
    let [own, plain] = ["addnorm:0.5->0", "addnorm:0.25"].map(|distort| losses("", distort));
    assert_eq!(own, plain);
    let logged = logged[1]["loss"].as_f64().unwrap();
    assert!((own["addnorm:0.25"].as_f64().unwrap() - logged).abs() < 1e-4, "{own} is not {logged}");
    // The moments of training are those of that value, too.
    let set = "--moments trained --set projection=addnorm:0.25";
    let [moved, fixed] = ["--moments trained", set].map(|options| losses(options, "none"));
    assert_eq!(moved, fixed);
    assert!(moved != losses("--moments trained --set projection=addnorm:0.5", "none"));
    let mut sweep = place.command("sweep run --draws 1");
    let swept = Ran::of(sweep.args(["--distort", "addnorm:0.5->0"]).output().unwrap()).ok();
    assert!(swept.contains("addnorm:0.25 "), "{swept}");
    for (command, option) in [
        ("eval run", "--distort"),
        ("sweep run", "--distort"),
        ("analyze run --only bits", "--distort"),
        ("distort run/checkpoint.safetensors -o out", "--with"),
    ] {
        let mut command = place.command(command);
        let refused = Ran::of(command.args([option, "addnorm:0.3->0"]).output().unwrap());
        refused.refused(&["\"addnorm:0.3->0\"", "give one value"]);
    }
}
