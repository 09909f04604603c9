//! The twins of the poolings against PyTorch's `max_pool2d` and `avg_pool2d`, with and without `ceil_mode` and
//! `count_include_pad`: `tests/reference/nin_step.py`.

use serde_json::Value;
use weightproof::cpu::Runner;
use weightproof::kernels::{avgpool, maxpool, pool::Geometry};
use weightproof::plan::{Builder, Elem, Role, Step, Target};

fn pair(v: &Value) -> [usize; 2] {
    [0, 1].map(|i| v[i].as_u64().expect("a size") as usize)
}

#[test]
fn windows_maxima_and_means_are_those_of_pytorch() {
    let text = include_str!("../reference/nin_step.json");
    let reference: Value = serde_json::from_str(text).expect("the reference is JSON");
    for case in reference["pools"].as_array().expect("a list") {
        let size = |key: &str| case[key].as_u64().expect("a size") as usize;
        let (kernel, stride, pad) = (pair(&case["kernel"]), pair(&case["stride"]), pair(&case["pad"]));
        let ceil = case["ceil"] == true;
        let g = Geometry { n: 1, h: size("h"), w: size("w"), c: 2, kernel, stride, pad, ceil };
        assert_eq!([g.oh(), g.ow()], pair(&case["out"]), "{g:?}");
        let mut b = Builder::new("pool", Target::baseline());
        let x = b.buffer("x", Elem::F32, &[g.x_len()], Role::Input);
        let index = b.buffer("index", Elem::U32, &[g.y_len()], Role::Output);
        let mut output = |name: &str| b.buffer(name, Elem::F32, &[g.y_len()], Role::Output);
        let [max, mean, include_pad] = ["max", "mean", "mean_include_pad"].map(&mut output);
        maxpool::forward(&mut b, "max", &g, x, max, index).unwrap();
        avgpool::forward(&mut b, "mean", &g, false, x, mean).unwrap();
        avgpool::forward(&mut b, "mean", &g, true, x, include_pad).unwrap();
        let mut runner = Runner::new(b.finish().unwrap());
        let pixel = |i: usize| f64::from((((i * 37 + i * i * 5 + 11) % 101) as f64 / 50.0 - 1.0) as f32);
        runner.write("x", &(0..g.x_len()).map(pixel).collect::<Vec<f64>>());
        runner.run(&Step::default());
        for name in ["max", "mean", "mean_include_pad"] {
            let want = case[name].as_array().expect("a list");
            assert_eq!(runner.read(name).len(), want.len());
            for (i, (got, want)) in runner.read(name).iter().zip(want).enumerate() {
                let want = want.as_f64().expect("a number");
                assert!((got - want).abs() < 1e-9, "{name}[{i}] of {g:?}: {got}, PyTorch has {want}");
            }
        }
    }
}
