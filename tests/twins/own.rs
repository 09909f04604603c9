//! The interpreter of users' own projections, against the twins of the table: the shaders of that are such functions.

use weightproof::gpu::own;
use weightproof::kernels::shaders;
use weightproof::projection::own::Source;
use weightproof::projection::{Context, HostDraw, PROJECTIONS, Projection, Statistic, apply_host};

const WEIGHTS: [f32; 8] = [0.5, -0.5, 0.25, -0.25, 0.0, 1e-3, -0.37, 0.123];

fn read(text: &str) -> Source {
    own::read("test.wgsl", text).unwrap_or_else(|e| panic!("{e}"))
}

fn context(p: [f32; 3], step: u64) -> Context {
    Context { alpha: 0.5, quantile: 0.25, beta_u: 0.3, p, seed: 7, step, layer: 3, first_draw: 4, element: 0 }
}

#[test]
fn the_shaders_of_the_table_mean_to_it_what_their_twins_compute() {
    let mut tried = 0;
    for text in PROJECTIONS.iter().flat_map(|row| row.examples) {
        let projection = Projection::parse(text).unwrap();
        let row = projection.row();
        let file = format!("project/{}.wgsl", row.name.replace('-', "_"));
        let Some(shader) = shaders::text(&file) else { continue };
        // Those that call another one are no single function.
        if shader.matches("project_").count() > 1
            || projection.rank(8).is_some()
            || projection.alpha() != Statistic::Max
        {
            continue;
        }
        let source = read(shader);
        assert!(source.program.is_ok(), "{file}: {:?}", source.program.as_ref().err());
        assert_eq!(source.draws, row.draws, "{file}");
        for step in 0..50 {
            let c = context(projection.words(8), step);
            let draw = HostDraw { layer: 3, seed: 7, step, beta_u: 0.3, link: 1 };
            let want = apply_host(&projection, &[8, 1], &WEIGHTS, &draw);
            for (i, w) in WEIGHTS.chunks(4).enumerate() {
                let own = source.twin(w.try_into().unwrap(), [0.5; 4], &Context { element: 4 * i, ..c });
                for (lane, (value, scale)) in own.into_iter().enumerate() {
                    let (want, allowed) = (want[4 * i + lane], scale * 2f64.powi(-22));
                    let off = (f64::from(value) - f64::from(want)).abs();
                    assert!(off <= allowed, "{text}: {value}, {want}, {allowed}");
                    assert!(allowed < 1e-4, "{text}: a bound of {allowed} says nothing");
                }
            }
        }
        tried += 1;
    }
    assert!(tried >= 8, "{tried} tried");
}

#[test]
fn loops_branches_and_variables_run_as_written() {
    let text = "fn f(w: vec4<f32>, c: Context) -> vec4<f32> {
        var sum = vec4<f32>(0.0);
        for (var i = 0u; i < 5u; i++) {
            if i == 1u { continue; }
            if f32(i) > c.p0 { break; }
            sum += f32(i) * w;
        }
        /* a comment /* in a comment */ */
        let order = vec2<f32>(sum.y, sum.x);
        return vec4<f32>(order, sum.zw);
    }";
    let source = read(text);
    // 0, 2 and 3.
    let values = source.twin([1.0, 2.0, -3.0, 0.5], [0.5; 4], &context([3.0, 0.0, 0.0], 0)).map(|(value, _)| value);
    assert_eq!(values, [10.0, 5.0, -15.0, 2.5]);
    assert_eq!(source.draws, 0);
    assert_eq!(source.renamed("own_3").matches("own_3(").count(), 1);
}

#[test]
fn what_a_device_may_decide_otherwise_is_left_open_and_what_it_may_not_is_exact() {
    let at = |text: &str, w: f32| {
        let source = read(&format!("fn f(w: vec4<f32>, c: Context) -> vec4<f32> {{ {text} }}"));
        let [(value, scale), ..] = source.twin([w; 4], [0.5; 4], &context([0.0; 3], 0));
        (value, scale * 2f64.powi(-22))
    };
    // An exact comparison, one behind a quotient at its border, one far from it.
    assert_eq!(at("return select(vec4<f32>(-1.0), vec4<f32>(1.0), w >= vec4<f32>(0.25));", 0.25), (1.0, 0.0));
    let (_, open) = at("return select(vec4<f32>(-1.0), vec4<f32>(1.0), w / 3.0 >= vec4<f32>(0.1));", 0.3);
    assert_eq!(open, 2.0);
    let closed = at("return select(vec4<f32>(-1.0), vec4<f32>(1.0), w / 3.0 >= vec4<f32>(0.1));", 0.31);
    assert_eq!(closed, (1.0, 0.0));
    let (value, off) = at("return exp2(w);", 0.5);
    assert!((f64::from(value) - 2f64.sqrt()).abs() < 1e-7 && off > 1e-7 && off < 2e-6, "{off}");
}

#[test]
fn a_link_of_a_users_own_projects_on_the_host_as_the_projection_that_it_copies() {
    use std::sync::Arc;
    use weightproof::projection::distortion::Distortion;
    let text = shaders::text("project/stoch.wgsl").unwrap();
    let own = Distortion::parse("conv1:a.wgsl+fc1:'b c.wgsl':2,0,1").unwrap();
    assert_eq!(own.to_string(), "conv1:a.wgsl+fc1:'b c.wgsl':2,0,1");
    assert_eq!(own.unread().collect::<Vec<_>>(), ["a.wgsl", "b c.wgsl"]);
    let own = own.with_own(|name| Ok(Arc::new(own::read(name, text)?))).unwrap();
    let w: Vec<f32> = (0..37).map(|i| (i as f32 - 18.0) / 18.0).collect();
    let draw = HostDraw { seed: 3, step: 9, layer: 1, ..HostDraw::default() };
    let got = own.apply_host("conv1.weight", &[37, 1], &w, &draw);
    assert_eq!(got, apply_host(&Projection::parse("stoch").unwrap(), &[37, 1], &w, &draw));
    assert!(own.is_random() && own.unread().next().is_none());
}
