//! `--part I/N`: several processes do the jobs of one list, and what they come to together is what one comes to alone.

use std::fs;
use std::process::Stdio;

use crate::reproduce::arguments;
use crate::{Place, Ran};

/// The names of files in a run folder that begin so, sorted.
fn files(place: &Place, run: &str, begin: &str) -> Vec<String> {
    let names = fs::read_dir(place.path(run)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = names.filter(|name| name.starts_with(begin)).collect();
    found.sort();
    found
}

fn read(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Processes at the same time.
fn together(place: &Place, commands: &[String]) -> Vec<Ran> {
    let start = |args: &String| {
        let mut command = place.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    };
    let children: Vec<_> = commands.iter().map(start).collect();
    children.into_iter().map(|child| Ran::of(child.wait_with_output().expect("it ends"))).collect()
}

const SWEEP: &str = "--distort none,sign --addnorm 0.1:0.4:0.1 --draws 2";

#[test]
fn parts_of_a_sweep_come_to_the_bytes_of_one_sweep_in_any_order() {
    let place = Place::new();
    place.given("whole");
    // Of another size: another cost.
    place.trained("small", "--set steps=10 --set width=0.5");
    for run in ["whole", "small"] {
        place.copy(run, &format!("{run}-parts"));
    }
    let table = place.run(&format!("sweep whole small {SWEEP}")).ok();
    let part = |part: &str| format!("sweep whole-parts small-parts {SWEEP} --part {part}");
    let same = || {
        for run in ["whole", "small"] {
            let parts = read(&place, &format!("{run}-parts/sweep.jsonl")).replace("-parts", "");
            assert_eq!(parts, read(&place, &format!("{run}/sweep.jsonl")));
            assert_eq!(files(&place, &format!("{run}-parts"), "sweep"), ["sweep.jsonl"]);
        }
    };
    let ran = place.run(&part("3/3"));
    assert!(
        ran.err.contains("part 3/3 is whole") && ran.err.contains("points of other parts are missing"),
        "{}",
        ran.err
    );
    assert_eq!(read(&place, "whole-parts/sweep.jsonl"), "");
    let kept = read(&place, "whole-parts/sweep.part-3-of-3.jsonl");
    // What is there is not computed again.
    let again = place.run(&part("3/3"));
    assert!(again.err.contains("0 points computed"), "{}", again.err);
    assert_eq!(read(&place, "whole-parts/sweep.part-3-of-3.jsonl"), kept);
    place.run(&part("1/3")).ok();
    let last = place.run(&part("2/3")).ok();
    assert_eq!(last.replace("-parts", ""), table, "the last prints all");
    same();
    // A part that is started once more finds all.
    assert!(place.run(&part("1/3")).err.contains("0 points computed"));
    same();
    for run in ["whole-parts", "small-parts"] {
        fs::remove_file(place.path(run).join("sweep.jsonl")).unwrap();
    }
    // All at once, one of them twice, and a sweep of other points besides.
    let other = "sweep whole-parts --power 0:1:0.5 --part 1/2".to_owned();
    for ran in together(&place, &[part("1/3"), part("2/3"), part("2/3"), part("3/3"), other]) {
        ran.ok();
    }
    let left = read(&place, "whole-parts/sweep.part-1-of-2.jsonl");
    assert!(left.lines().count() == 2 && left.contains("power:0"), "{left}");
    place.run("sweep whole-parts --power 0:1:0.5 --part 2/2").ok();
    let all = read(&place, "whole-parts/sweep.jsonl");
    place.run("sweep whole --power 0:1:0.5").ok();
    assert_eq!(all.replace("-parts", ""), read(&place, "whole/sweep.jsonl"));
    assert_eq!(files(&place, "whole-parts", "sweep"), ["sweep.jsonl"]);
}

#[test]
fn a_sweep_without_parts_takes_what_parts_have_left() {
    let place = Place::new();
    place.given("whole");
    place.copy("whole", "run");
    place.run(&format!("sweep whole {SWEEP}")).ok();
    place.run(&format!("sweep run {SWEEP} --part 2/2")).ok();
    // Cut off in its last line.
    let path = place.path("run/sweep.part-2-of-2.jsonl");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    let ran = place.run(&format!("sweep run {SWEEP}"));
    assert!(ran.err.contains("6 points computed, 4 were there"), "{}", ran.err);
    assert_eq!(
        read(&place, "run/sweep.jsonl").replace("\"run\":\"run\"", "\"run\":\"whole\""),
        read(&place, "whole/sweep.jsonl")
    );
    assert_eq!(files(&place, "run", "sweep"), ["sweep.jsonl"]);
}

#[test]
fn parts_of_an_evaluation_print_what_one_prints() {
    let place = Place::new();
    place.given("run");
    let list = "eval run --distort none,sign+addnorm:0.2,addnorm:0.3@x3";
    let eval = |more: &str| -> Ran {
        let mut command = place.command(&format!("{list} {more}"));
        // A blank within a word.
        let args: Vec<_> = command.get_args().map(|a| a.to_str().unwrap().replace("@x", " x")).collect();
        command = place.command("");
        Ran::of(command.args(&args).output().expect("the program starts"))
    };
    for form in ["", "--json"] {
        let whole = eval(form).ok();
        let first = eval(&format!("{form} --part 2/2"));
        assert!(first.err.contains("part 2/2 is whole; 3 draws of other parts are missing"), "{}", first.err);
        assert_eq!(first.ok(), "");
        assert_eq!(files(&place, "run", "eval"), ["eval.part-2-of-2.jsonl"]);
        assert_eq!(eval(&format!("{form} --part 1/2")).ok(), whole);
        assert!(files(&place, "run", "eval").is_empty());
        // Or what comes behind takes what is there.
        eval(&format!("{form} --part 1/3")).ok();
        assert_eq!(eval(form).ok(), whole);
        assert!(files(&place, "run", "eval").is_empty());
    }
    for bad in ["0/2", "3/2", "1", "a/b"] {
        eval(&format!("--part {bad}")).refused(&["I/N"]);
    }
}

#[test]
fn parts_of_a_reproduction_come_to_the_runs_of_one_and_the_last_makes_the_report() {
    let place = Place::new();
    let command = |out: &str, more: &str| arguments("merolla2016-figure1", out, more);
    place.run(&command("whole", "")).ok();
    // What each does is said before, and depends on nothing that is there.
    let shares: Vec<String> = (1..=4)
        .map(|i| {
            let out = place.run(&command("whole", &format!("--dry-run --part {i}/4"))).ok();
            out.lines().find_map(|l| l.strip_prefix(&format!("part {i}/4: "))).expect("its networks").to_owned()
        })
        .collect();
    assert_eq!(shares, ["tr-none-nc", "tr-none-c", "tr-stochm-c", "no network, there are 3"]);
    let first = place.run(&command("parts", "--part 1/2"));
    assert!(first.err.contains("part 1/2 is whole; the report comes with tr-none-c"), "{}", first.err);
    first.ok();
    assert!(!place.path("parts/report-merolla2016-figure1").exists() && !place.path("parts/tr-none-c").exists());
    for ran in together(&place, &[command("parts", "--part 2/2"), command("parts", "--part 1/2")]) {
        ran.ok();
    }
    for net in ["tr-none-nc", "tr-none-c", "tr-stochm-c"] {
        for file in ["sweep.jsonl", "analysis.json"] {
            assert_eq!(
                read(&place, &format!("parts/{net}/{file}")),
                read(&place, &format!("whole/{net}/{file}")),
                "{net}"
            );
        }
        place.assert_same(&format!("parts/{net}"), &format!("whole/{net}"));
    }
    let data = "report-merolla2016-figure1/data";
    let csv = files(&place, &format!("whole/{data}"), "");
    assert!(!csv.is_empty() && csv == files(&place, &format!("parts/{data}"), ""), "{csv:?}");
    for name in csv {
        let [parts, whole] = ["parts", "whole"].map(|out| read(&place, &format!("{out}/{data}/{name}")));
        assert_eq!(parts, whole, "{name}");
    }
    // Nothing is left of locks, and a part that comes later finds all done.
    assert_eq!(files(&place, "parts", "report"), ["report-merolla2016-figure1"]);
    place.run(&command("parts", "--part 3/3")).ok();
}
