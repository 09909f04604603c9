//! Distortion expressions: how they are written, what they mean for each tensor, by the host twins. Statistical checks
//! are bounded as in `twins_project.rs`, at 6 deviations.

use weightproof::kernels::parameters::ROW;
use weightproof::kernels::parameters::{Parameters, Tensor};
use weightproof::kernels::project;
use weightproof::projection::distortion::{Distortion, Link};
use weightproof::projection::{HostDraw, MOST_LINKS, Projection, apply_host};

fn parse(text: &str) -> Distortion {
    Distortion::parse(text).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(text: &str) -> String {
    Distortion::parse_list(text).map(|all| panic!("{text} is {all:?}")).unwrap_or_else(|e| e.to_string())
}

/// conv1, conv2, fc1 with batch norm between them.
fn parameters() -> Parameters {
    let mut p = Parameters::default();
    for (i, layer) in ["conv1", "conv2", "fc1"].iter().enumerate() {
        p.push(Tensor { projected: true, ..Tensor::new(format!("{layer}.weight"), &[7 + i, 2]) });
        p.push(Tensor::new(format!("bn{}.weight", i + 1), &[2]));
    }
    p
}

#[test]
fn expressions_are_written_as_they_are_read() {
    for text in [
        "none",
        "sign+addnorm:0.2",
        "conv*:sign",
        "conv?:sign+fc1:stochm3:0.5,quantile",
        "sign except fc2",
        "sign+bitflip:0.01 except fc2 conv1.weight x8",
        "addnorm:0.3 x8",
        "features.0:quant:4",
        "addnorm:0.3->0",
        "addnorm:0.3->0.3",
        "conv*:addnorm:0.3->0 cosine+fc*:none except fc2",
        "stuck:0.1->0,0.05",
        "stuck:0.1,0.05->0 cosine",
        "stochm3:0.5->1,quantile",
        "power:0..2->1",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
    for (text, canonical) in [
        ("  sign  +  addnorm:0.20 x1 ", "sign+addnorm:0.2"),
        ("sign +addnorm:.5  except  fc1   fc2", "sign+addnorm:0.5 except fc1 fc2"),
        ("drift:0.06,3.6e+3+sign", "drift:0.06,3600+sign"),
        ("addnorm:0.3 to 0 cosine + sign x2", "addnorm:0.3->0 cosine+sign x2"),
        ("stuck:0.1 -> 0,0.05 to 0.1", "stuck:0.1->0,0.05->0.1"),
    ] {
        assert_eq!(parse(text).to_string(), canonical);
        assert_eq!(parse(canonical), parse(text));
    }
    let d = parse("sign+addnorm:0.2 except fc2 x8");
    assert_eq!((d.draws, d.links.len(), d.except.len(), d.is_random()), (8, 2, 1, true));
    assert_eq!(d.single_draw().to_string(), "sign+addnorm:0.2 except fc2");
    assert!(!parse("sign+quant:3+prune:0.5").is_random() && parse("power:0..2").is_random());
}

#[test]
fn a_comma_before_a_number_goes_on_with_the_parameters() {
    let list = "none,stuck:0.1,0.05->0 x4, drift:0.06,3600+sign ,stochm3:0.5,quantile except fc1,0.weight:sign,quant:4,filter,fc*:sign:filter";
    let texts: Vec<String> = Distortion::parse_list(list).unwrap().iter().map(Distortion::to_string).collect();
    let want = [
        "none",
        "stuck:0.1,0.05->0 x4",
        "drift:0.06,3600+sign",
        "stochm3:0.5,quantile except fc1",
        "0.weight:sign",
        "quant:4,filter",
        "fc*:sign:filter",
    ];
    assert_eq!(texts, want);
    assert_eq!(Distortion::parse_list(&texts.join(",")).unwrap().len(), want.len());
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    for (text, words) in [
        ("sgin", vec!["\"sgin\"", "\"sign\""]),
        ("stochn:0.5", vec!["\"stochm\""]),
        ("sign+adnorm:0.2", vec!["\"adnorm\"", "\"addnorm\""]),
        ("conv1:sgin", vec!["\"sgin\"", "\"sign\""]),
        ("sing:filter", vec!["\"sing\"", "\"sign\""]),
        ("conv*:0.5", vec!["\"0.5\""]),
        (":sign", vec!["before the colon", "missing"]),
        ("sign+", vec!["no projection \"\""]),
        ("none,,sign", vec!["no projection \"\""]),
        ("", vec!["no projection \"\""]),
        ("sign exept fc2", vec!["\"exept\"", "\"except\""]),
        ("sign except", vec!["except fc2"]),
        ("addnorm:0.3 x0", vec!["x0", "1 to 10000"]),
        ("addnorm:0.3 x20000", vec!["x20000", "1 to 10000"]),
        ("addnorm:0.3 8", vec!["\"8\"", "x8"]),
        ("addnorm:0.3 x8 except fc2 x4 fc1 sign", vec!["\"x8\""]),
        ("sign,0.5", vec!["\"sign,0.5\""]),
        ("conv1:addnorm:-1", vec![">= 0", "addnorm:S"]),
        ("addnorm:0.3->-1", vec!["\"addnorm:-1\"", ">= 0"]),
        ("addnorm:0.3->1e-50", vec!["\"addnorm:1e-50\"", "32 bits hold"]),
        ("stuck:0.5->0.1,0.6", vec!["\"stuck:0.5,0.6\"", "a sum of at most 1"]),
        ("stochm3:0.5,quantile->0.3", vec!["quantile", "0.3"]),
        ("addnorm:0.3->0.2->0", vec!["addnorm:S"]),
        ("addnorm:0.3 cosine", vec!["cosine", "addnorm:0.3->0 cosine"]),
        ("addnorm:0.3->0 cosin", vec!["\"cosin\"", "\"cosine\""]),
        ("sign->round", vec!["not the projection itself", "addnorm:0.3->0"]),
    ] {
        let error = refused(text);
        for word in words {
            assert!(error.contains(word), "{text}: \"{word}\" is not in: {error}");
        }
    }
    let long = vec!["sign"; MOST_LINKS + 1].join("+");
    assert!(refused(&long).contains("at most"));
}

#[test]
fn what_moves_over_training_is_random_where_it_is_at_any_time_and_ternary_where_it_always_is() {
    for (text, random, ternary) in [
        ("addnorm:0.3->0", true, false),
        ("addnorm:0->0", false, false),
        ("bitflip:0->1", true, false),
        ("power:1->0", false, false),
        ("power:0->0", false, true),
        ("power:0..1->0", true, false),
        ("quant:2->1", false, true),
        ("quant:4->1", false, false),
        ("conv1:stuck:0,0->1+fc1:sign", true, false),
    ] {
        let d = parse(text);
        assert_eq!((d.is_random(), d.links.iter().all(Link::is_ternary)), (random, ternary), "{text}");
    }
    let p = parameters();
    let refused = project::tables(&parse("fc1:addnorm:0.3->0"), &p).unwrap_err().to_string();
    assert!(refused.contains("\"fc1:addnorm:0.3->0\"") && refused.contains("give one value"), "{refused}");
    // In a test the projection of training means its value then, whatever the number of draws, and no other does.
    let training = parse("addnorm:0.5->0");
    assert_eq!(parse("addnorm:0.5->0 x4").in_test(&training, 0.5).to_string(), "addnorm:0.25 x4");
    assert!(parse("addnorm:0.5->0.1").in_test(&training, 0.5).is_scheduled());
}

#[test]
fn each_link_is_for_the_layers_that_its_pattern_names_and_the_rest_keep_their_weights() {
    let p = parameters();
    // The kinds of conv1, bn1, conv2, bn2, fc1, bn3 for each link.
    let kinds = |text: &str| -> Vec<Vec<u32>> {
        let tables = project::tables(&parse(text), &p).unwrap_or_else(|e| panic!("{e}"));
        tables.iter().map(|t| t.chunks(ROW).map(|row| row[0]).collect()).collect()
    };
    assert_eq!(kinds("sign"), [[1, 0, 1, 0, 1, 0]]);
    assert_eq!(kinds("conv*:sign"), [[1, 0, 1, 0, 0, 0]]);
    assert_eq!(kinds("conv?.weight:sign"), [[1, 0, 1, 0, 0, 0]]);
    assert_eq!(kinds("*1:sign"), [[1, 0, 0, 0, 1, 0]]);
    assert_eq!(kinds("sign except fc1"), [[1, 0, 1, 0, 0, 0]]);
    assert_eq!(kinds("conv*:sign+fc1:round"), [[1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 2, 0]]);
    assert_eq!(kinds("conv1:sign+round except conv2"), [[1, 0, 0, 0, 0, 0], [2, 0, 0, 0, 2, 0]]);
    let refused = |text: &str| project::tables(&parse(text), &p).unwrap_err().to_string();
    for (text, words) in [
        ("conv9:sign", ["\"conv9\"", "conv1, conv2, fc1"]),
        // Batch norm is never distorted.
        ("bn1:sign", ["\"bn1\"", "conv1, conv2, fc1"]),
        ("sign except fc2", ["\"fc2\"", "conv1, conv2, fc1"]),
        ("conv*:sign except c*", ["leaves no layer for \"conv*:sign\"", "conv1, conv2, fc1"]),
        ("conv1:sign+fc1:round except fc*", ["leaves no layer for \"fc1:round\"", "conv1, conv2, fc1"]),
    ] {
        let error = refused(text);
        assert!(words.iter().all(|w| error.contains(w)), "{text}: {error}");
    }
}

#[test]
fn a_chain_takes_what_the_link_before_left_and_alpha_from_the_stored_weights() {
    let w: Vec<f32> = (0..2001).map(|i| ((i * 7919) % 2001) as f32 / 1000.0 - 1.0).collect();
    let draw = HostDraw { layer: 2, seed: 9, step: 4, ..HostDraw::default() };
    let chain = |text: &str| parse(text).apply_host("conv1.weight", &[w.len(), 1], &w, &draw);
    let one = |text: &str| apply_host(&Projection::parse(text).unwrap(), &[w.len(), 1], &w, &draw);
    assert_eq!(chain("addnorm:0.3"), one("addnorm:0.3"));
    assert_eq!(
        chain("round+sign"),
        one("round").iter().map(|&v| if v >= 0.0 { 1.0 } else { -1.0 }).collect::<Vec<_>>()
    );
    // The noise takes weights beyond 1; the sign is still that of the stored alpha.
    assert!(chain("addnorm:0.5+sign").iter().all(|v| v.abs() == 1.0));
    assert!(chain("addnorm:0.5+quant:4").iter().all(|v| v.abs() <= 1.0));
    assert_eq!(chain("none+sign"), one("sign"));
    assert_eq!(chain("fc*:sign"), w);
    assert_eq!(chain("sign except conv1"), w);
}

#[test]
fn links_of_a_chain_draw_independent_numbers() {
    let n = 1 << 18;
    let w = vec![1.0f32; n];
    let draw = HostDraw { layer: 1, seed: 3, ..HostDraw::default() };
    let chain = |text: &str| parse(text).apply_host("fc1.weight", &[n, 1], &w, &draw);
    let count = n as f64;
    // Two noises add up to a variance of 2; equal ones would have 4. Variance of a square: 2 sigma^4.
    let variance = chain("addnorm:1+addnorm:1").iter().map(|&v| f64::from(v - 1.0).powi(2)).sum::<f64>() / count;
    assert!((variance - 2.0).abs() <= 6.0 * (8.0 / count).sqrt(), "variance {variance}");
    // Two flips of a half leave a half; the same one twice would leave all.
    let flipped = chain("bitflip:0.5+bitflip:0.5").iter().filter(|v| **v < 0.0).count() as f64;
    assert!((flipped - 0.5 * count).abs() <= 6.0 * (0.25 * count).sqrt(), "{flipped} of {count} flipped");
    // Each link has an exponent of its own: weights of a quarter of alpha tell the exponents of the two.
    let w = [1.0f32, 0.25];
    let exponent = |text: &str| {
        let v = parse(text).apply_host("fc1.weight", &[2, 1], &w, &draw)[1];
        f64::from(v).log2() / -2.0
    };
    let (first, both) = (exponent("power:1..2"), exponent("power:1..2+power:1..2"));
    assert!((1.0..2.0).contains(&first) && (both / first - first).abs() > 1e-3, "{first}, together {both}");
}
