//! The backward twins against central differences of the forward twins, in f64. The output is weighted with a random
//! cotangent: a plain sum would test nothing for batch norm and softmax. Inputs keep away from kinks.

use weightproof::cpu::Runner;
use weightproof::kernels::case::Fill;
use weightproof::kernels::conv2d::fused;
use weightproof::kernels::{
    Kernel, add, avgpool, batchnorm, bias, conv2d, dropout, loss, maxpool, norm_relu, pad_channels, relu, softmax_ce,
    square_hinge,
};
use weightproof::plan::{Builder, Elem, Role, Step, Target, View};

/// Step of the differences: their error, h^2 and rounding / h, is then about 1e-10.
const H: f64 = 1e-5;
/// Largest difference relative to the gradient, or absolute where that is below 1.
const TOLERANCE: f64 = 1e-7;

/// A small plan, the data of its inputs, and what is differentiated.
struct Layer {
    b: Builder,
    data: Vec<(String, Vec<f64>)>,
    labels: Option<Vec<u32>>,
    valid: u32,
}

impl Layer {
    fn new() -> Self {
        Layer { b: Builder::new("gradient", Target::baseline()), data: vec![], labels: None, valid: 0 }
    }

    /// An input with these values.
    fn with(&mut self, name: &str, shape: &[usize], values: Vec<f64>) -> View {
        self.data.push((name.into(), values));
        self.b.buffer(name, Elem::F32, shape, Role::Input)
    }

    /// An input, uniform in [-1, 1].
    fn input(&mut self, name: &str, shape: &[usize]) -> View {
        self.with(name, shape, uniform(name, shape.iter().product()))
    }

    fn output(&mut self, name: &str, shape: &[usize]) -> View {
        self.b.buffer(name, Elem::F32, shape, Role::Output)
    }

    fn words(&mut self, name: &str, len: usize) -> View {
        self.b.buffer(name, Elem::U32, &[len], Role::Output)
    }

    /// Compares, for every (input, gradient), the gradient with the differences of `objective` after a run. A gradient
    /// in several partial sums is added up first.
    fn check(self, pairs: &[(&str, &str)], objective: impl Fn(&Runner) -> f64) {
        let mut runner = Runner::new(self.b.finish().expect("a sound plan"));
        for (name, values) in &self.data {
            runner.write(name, values);
        }
        if let Some(labels) = &self.labels {
            runner.write_u32("labels", labels);
        }
        let step = Step { valid: self.valid, ..Step::at(11, 3) };
        runner.run(&step);
        let gradients: Vec<Vec<f64>> = pairs.iter().map(|(_, g)| runner.read(g).to_vec()).collect();
        for ((name, gradient_name), gradient) in pairs.iter().zip(gradients) {
            let values = self.data.iter().find(|(n, _)| n == name).expect("an input").1.clone();
            let (mut largest, mut moved) = (0.0f64, values.clone());
            for i in 0..values.len() {
                let mut at = |x: f64| {
                    moved[i] = x;
                    runner.write(name, &moved);
                    runner.run(&step);
                    objective(&runner)
                };
                let numeric = (at(values[i] + H) - at(values[i] - H)) / (2.0 * H);
                moved[i] = values[i];
                let analytic: f64 = gradient.iter().skip(i).step_by(values.len()).sum();
                largest = largest.max(analytic.abs());
                let diff = (numeric - analytic).abs();
                assert!(
                    diff <= TOLERANCE * analytic.abs().max(1.0),
                    "{gradient_name}[{i}]: backward gives {analytic}, differences give {numeric}"
                );
            }
            runner.write(name, &values);
            assert!(largest > 1e-3, "{gradient_name} vanishes: the test shows nothing");
        }
    }

    /// [`Layer::check`] of the sum of y dy, for a layer with output `y` and cotangent `dy`.
    fn check_layer(self, pairs: &[(&str, &str)]) {
        self.check(pairs, |r| r.read("y").iter().zip(r.read("dy")).map(|(y, dy)| y * dy).sum());
    }
}

fn uniform(name: &str, len: usize) -> Vec<f64> {
    Fill::Uniform(1.0).values(name, len).into_iter().map(f64::from).collect()
}

/// Moves values that are nearer than 0.05 to `kink` away from it.
fn avoiding(values: Vec<f64>, kink: f64) -> Vec<f64> {
    values.into_iter().map(|v| if (v - kink).abs() < 0.05 { v + 0.1 } else { v }).collect()
}

/// Values that differ by at least 0.1 from each other, in no particular order.
fn distinct(name: &str, len: usize) -> Vec<f64> {
    let draws = uniform(name, len);
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|&a, &b| draws[a].total_cmp(&draws[b]));
    let mut values = vec![0.0; len];
    for (rank, i) in order.into_iter().enumerate() {
        values[i] = 0.1 * rank as f64 - 1.0;
    }
    values
}

fn convolution(g: conv2d::Geometry) {
    convolution_within(g, 1 << 27, 3);
}

/// With so many partial sums of the gradient of the weights, on an adapter with this binding limit.
fn convolution_within(g: conv2d::Geometry, limit: usize, splits: usize) {
    let mut l = Layer::new();
    l.b.target.adapter.limits.max_binding = limit;
    let (x, w) = (l.input("x", &[g.n, g.x_len()]), l.input("w", &[g.w_len()]));
    let (dy, y) = (l.input("dy", &[g.n, g.y_len()]), l.output("y", &[g.n, g.y_len()]));
    let (dx, dw) = (l.output("dx", &[g.n, g.x_len()]), l.output("dw", &[splits, g.w_len()]));
    conv2d::forward(&mut l.b, "forward", &g, x, w, y).unwrap();
    conv2d::grad_weight(&mut l.b, "backward", &g, x, dy, dw, splits).unwrap();
    conv2d::grad_input(&mut l.b, "backward", &g, dy, w, dx).unwrap();
    l.check_layer(&[("x", "dx"), ("w", "dw")]);
}

#[test]
fn a_convolution_passes_gradients_to_input_and_weights() {
    let base = conv2d::Geometry { h: 5, w: 4, kernel: [3, 3], pad: [1, 1], ..conv2d::Geometry::linear(2, 2, 4) };
    convolution(base);
    convolution(conv2d::Geometry { stride: [2, 1], pad: [0, 1], kernel: [2, 3], ..base });
    convolution(conv2d::Geometry { groups: 2, ..base });
    convolution(conv2d::Geometry { stride: [2, 2], pad: [1, 0], extra: [0, 1], ..base });
}

#[test]
fn a_linear_layer_passes_gradients_to_input_and_weights() {
    convolution(conv2d::Geometry::linear(5, 7, 3));
}

#[test]
fn weights_in_windows_of_their_rows_pass_gradients_to_input_and_weights() {
    let base = conv2d::Geometry { h: 4, w: 3, kernel: [3, 2], pad: [1, 0], ..conv2d::Geometry::linear(2, 6, 16) };
    convolution_within(conv2d::Geometry::linear(3, 20, 16), 1024, 1);
    convolution_within(base, 1280, 1);
    convolution_within(conv2d::Geometry { groups: 2, stride: [2, 1], ..base }, 1024, 1);
    convolution_within(conv2d::Geometry { h: 5, stride: [2, 2], pad: [0, 0], extra: [1, 1], ..base }, 1280, 1);
}

/// y = x + bias, through a ReLU if `relu`; the sums keep away from its kink.
fn biased(rows: usize, c: usize, relu: bool, limit: usize) {
    let mut l = Layer::new();
    l.b.target.adapter.limits.max_binding = limit;
    let shift = uniform("bias", c);
    let x = uniform("x", rows * c).into_iter().enumerate().map(|(i, x)| avoiding(vec![x], -shift[i % c])[0]).collect();
    let (x, b, dy) = (l.with("x", &[rows, c], x), l.with("bias", &[c], shift), l.input("dy", &[rows, c]));
    let (y, dx, db) = (l.output("y", &[rows, c]), l.output("dx", &[rows, c]), l.output("db", &[c]));
    // The kernel works in place: on a copy of x.
    let zeros = l.with("zeros", &[rows, c], vec![0.0; rows * c]);
    add::forward(&mut l.b, "copy", rows, x, zeros, y).unwrap();
    bias::forward(&mut l.b, "forward", rows, c, b, relu, y).unwrap();
    if relu {
        relu::backward(&mut l.b, "backward", rows, y, dy, dx).unwrap();
    } else {
        add::forward(&mut l.b, "backward", rows, dy, zeros, dx).unwrap();
    }
    bias::grad(&mut l.b, "backward", rows, c, dx, db).unwrap();
    l.check_layer(&[("x", "dx"), ("bias", "db")]);
}

#[test]
fn a_bias_gets_the_sum_of_the_gradients_of_its_channel() {
    biased(6, 5, false, 1 << 20);
    // Several blocks of rows, the last one short; then in windows of whole blocks.
    biased(150, 3, true, 1 << 20);
    biased(70, 64, true, 16 << 10);
}

/// A convolution that leaves the moments of its output, and one that reads that output through batch norm and ReLU.
#[test]
fn convolutions_around_a_batch_norm_that_is_never_stored_pass_its_gradients() {
    // Two blocks of rows, the last one short.
    let before = conv2d::Geometry { h: 7, w: 6, kernel: [2, 2], pad: [0, 1], ..conv2d::Geometry::linear(2, 1, 2) };
    let (h, w, c) = (before.oh(), before.ow(), before.c_out);
    let after = conv2d::Geometry { h, w, c_in: c, c_out: 3, kernel: [3, 3], stride: [2, 2], pad: [1, 1], ..before };
    let (n, rows) = (before.n, before.n * h * w);
    let mut l = Layer::new();
    let (x, w0, w1) =
        (l.input("x", &[n, before.x_len()]), l.input("w0", &[before.w_len()]), l.input("w", &[after.w_len()]));
    let (gamma, beta) = (l.input("gamma", &[c]), l.input("beta", &[c]));
    let (dy, y) = (l.input("dy", &[n, after.y_len()]), l.output("y", &[n, after.y_len()]));
    let (v, blocks) = (l.output("v", &[rows, c]), l.output("blocks", &[rows.div_ceil(fused::BLOCK), 2, c]));
    let (mean, var, table) = (l.output("mean", &[c]), l.output("var", &[c]), l.output("table", &[norm_relu::TABLE, c]));
    let (dz, dv, dx) = (l.output("dz", &[rows, c]), l.output("dv", &[rows, c]), l.output("dx", &[n, before.x_len()]));
    let (dgamma, dbeta) = (l.output("dgamma", &[c]), l.output("dbeta", &[c]));
    let (dw0, dw) = (l.output("dw0", &[1, before.w_len()]), l.output("dw", &[3, after.w_len()]));
    let leaving = fused::Around { moments: Some(blocks), ..fused::Around::default() };
    fused::forward(&mut l.b, "before", &before, x, &leaving, w0, v).unwrap();
    batchnorm::combine(&mut l.b, "statistics", rows, c, fused::BLOCK, blocks, [mean, var]).unwrap();
    let channels = batchnorm::Channels { mean, var, gamma, eps: 1e-2 };
    norm_relu::table(&mut l.b, "table", c, &channels, beta, table).unwrap();
    let reading = fused::Around { table: Some(table), ..fused::Around::default() };
    fused::forward(&mut l.b, "after", &after, v, &reading, w1, y).unwrap();
    let input = conv2d::Input { x: v, table: Some(table) };
    conv2d::grad_weight_of(&mut l.b, "after", &after, input, dy, dw, 3).unwrap();
    conv2d::grad_input(&mut l.b, "after", &after, dy, w1, dz).unwrap();
    let of = norm_relu::Backward { x: v, dy: dz, table, dgamma, dbeta };
    norm_relu::sums(&mut l.b, "norm", rows, c, &of).unwrap();
    norm_relu::backward(&mut l.b, "norm", [rows, c], &of, None, dv).unwrap();
    conv2d::grad_weight(&mut l.b, "before", &before, x, dv, dw0, 1).unwrap();
    conv2d::grad_input(&mut l.b, "before", &before, dv, w0, dx).unwrap();
    l.check_layer(&[("x", "dx"), ("w", "dw"), ("w0", "dw0"), ("gamma", "dgamma"), ("beta", "dbeta")]);
}

#[test]
fn relu_passes_the_gradient_where_its_input_is_positive() {
    let mut l = Layer::new();
    let x = l.with("x", &[60], avoiding(uniform("x", 60), 0.0));
    let (dy, y, dx) = (l.input("dy", &[60]), l.output("y", &[60]), l.output("dx", &[60]));
    relu::forward(&mut l.b, "forward", 1, x, y).unwrap();
    relu::backward(&mut l.b, "backward", 1, y, dy, dx).unwrap();
    l.check_layer(&[("x", "dx")]);
}

fn batch_norm(rows: usize, c: usize, limit: usize) {
    let mut l = Layer::new();
    l.b.target.adapter.limits.max_binding = limit;
    let x = l.input("x", &[rows, c]);
    let (gamma, beta) = (l.input("gamma", &[c]), l.input("beta", &[c]));
    let (dy, y) = (l.input("dy", &[rows, c]), l.output("y", &[rows, c]));
    let (mean, var) = (l.output("mean", &[c]), l.output("var", &[c]));
    let (dgamma, dbeta, dx) = (l.output("dgamma", &[c]), l.output("dbeta", &[c]), l.output("dx", &[rows, c]));
    let channels = batchnorm::Channels { mean, var, gamma, eps: 1e-2 };
    batchnorm::batch_moments(&mut l.b, "statistics", rows, c, x, mean, var).unwrap();
    let shape = batchnorm::Shape { rows, c };
    batchnorm::forward(&mut l.b, "forward", shape, x, &channels, beta, y).unwrap();
    let gradients = batchnorm::Gradients { dgamma, dbeta, dx: Some(dx) };
    batchnorm::backward(&mut l.b, "backward", shape, x, dy, &channels, &gradients).unwrap();
    l.check_layer(&[("x", "dx"), ("gamma", "dgamma"), ("beta", "dbeta")]);
}

#[test]
fn batch_norm_passes_gradients_through_its_moments_and_to_scale_and_shift() {
    batch_norm(6, 5, 1 << 20);
    // Several blocks of rows, the last one short.
    batch_norm(150, 3, 1 << 20);
}

#[test]
fn batch_norm_in_windows_has_the_same_gradients() {
    // Blocks of 64 rows of 16 channels: 4 KiB each.
    batch_norm(200, 16, 8 << 10);
}

/// Batch norm and ReLU in one, with max pooling before them if there is a geometry.
fn norm_relu(rows: usize, c: usize, pool: Option<maxpool::Geometry>, limit: usize) {
    let mut l = Layer::new();
    l.b.target.adapter.limits.max_binding = limit;
    let elements = pool.map_or(rows * c, |g| g.n * g.x_len());
    let image = l.with("x", &[elements], distinct("x", elements));
    let (gamma, beta) = (l.input("gamma", &[c]), l.input("beta", &[c]));
    let (dy, y) = (l.input("dy", &[rows, c]), l.output("y", &[rows, c]));
    let (mean, var, table) = (l.output("mean", &[c]), l.output("var", &[c]), l.output("table", &[norm_relu::TABLE, c]));
    let (dgamma, dbeta, dx) = (l.output("dgamma", &[c]), l.output("dbeta", &[c]), l.output("dx", &[elements]));
    let index = l.words("index", rows * c);
    let x = match &pool {
        Some(g) => {
            let pooled = l.output("pooled", &[rows, c]);
            maxpool::forward(&mut l.b, "pool", g, image, pooled, index).unwrap();
            pooled
        }
        None => image,
    };
    let channels = batchnorm::Channels { mean, var, gamma, eps: 1e-2 };
    batchnorm::batch_moments(&mut l.b, "statistics", rows, c, x, mean, var).unwrap();
    norm_relu::table(&mut l.b, "forward", c, &channels, beta, table).unwrap();
    norm_relu::forward(&mut l.b, "forward", rows, c, x, table, y).unwrap();
    let of = norm_relu::Backward { x, dy, table, dgamma, dbeta };
    norm_relu::sums(&mut l.b, "backward", rows, c, &of).unwrap();
    match &pool {
        Some(g) => norm_relu::backward_pool(&mut l.b, "backward", g, &of, index, dx).unwrap(),
        None => norm_relu::backward(&mut l.b, "backward", [rows, c], &of, None, dx).unwrap(),
    }
    l.check_layer(&[("x", "dx"), ("gamma", "dgamma"), ("beta", "dbeta")]);
}

#[test]
fn batch_norm_with_relu_passes_gradients_through_its_moments_and_to_scale_and_shift() {
    norm_relu(6, 5, None, 1 << 20);
    // Several blocks of rows, the last one short.
    norm_relu(150, 3, None, 1 << 20);
    norm_relu(200, 16, None, 8 << 10);
}

#[test]
fn batch_norm_with_relu_passes_gradients_to_the_largest_elements_of_the_pooling_before_it() {
    let base = maxpool::Geometry { n: 2, h: 6, w: 4, c: 3, kernel: [2, 2], stride: [2, 2], pad: [0, 0], ceil: false };
    norm_relu(2 * 3 * 2, 3, Some(base), 1 << 20);
    norm_relu(2 * 2 * 4, 3, Some(maxpool::Geometry { kernel: [3, 1], stride: [3, 1], ..base }), 1 << 20);
}

fn pool_shapes() -> [maxpool::Geometry; 4] {
    let base = maxpool::Geometry { n: 2, h: 6, w: 5, c: 2, kernel: [2, 2], stride: [2, 2], pad: [0, 0], ceil: false };
    [
        base,
        maxpool::Geometry { kernel: [3, 3], pad: [1, 1], ..base },
        maxpool::Geometry { kernel: [3, 3], ceil: true, ..base },
        maxpool::Geometry::global(2, 3, 4, 3),
    ]
}

#[test]
fn max_pooling_passes_the_gradient_to_the_largest_element() {
    for g in pool_shapes() {
        let mut l = Layer::new();
        let x = l.with("x", &[g.n, g.x_len()], distinct("x", g.n * g.x_len()));
        let (dy, y) = (l.input("dy", &[g.n, g.y_len()]), l.output("y", &[g.n, g.y_len()]));
        let (index, dx) = (l.words("index", g.n * g.y_len()), l.output("dx", &[g.n, g.x_len()]));
        maxpool::forward(&mut l.b, "forward", &g, x, y, index).unwrap();
        maxpool::backward(&mut l.b, "backward", &g, dy, index, dx).unwrap();
        l.check_layer(&[("x", "dx")]);
    }
}

#[test]
fn among_equal_elements_the_first_alone_gets_the_gradient_of_max_pooling() {
    let g = maxpool::Geometry { n: 1, h: 2, w: 2, c: 1, kernel: [2, 2], stride: [2, 2], pad: [0, 0], ceil: false };
    let mut l = Layer::new();
    let (x, dy, y) = (l.input("x", &[4]), l.input("dy", &[1]), l.output("y", &[1]));
    let (index, dx) = (l.words("index", 1), l.output("dx", &[4]));
    maxpool::forward(&mut l.b, "forward", &g, x, y, index).unwrap();
    maxpool::backward(&mut l.b, "backward", &g, dy, index, dx).unwrap();
    let mut runner = Runner::new(l.b.finish().unwrap());
    runner.write("x", &[1.0, 2.0, 2.0, 2.0]);
    runner.write("dy", &[5.0]);
    runner.run(&Step::default());
    assert_eq!(runner.read("dx"), [0.0, 5.0, 0.0, 0.0]);
}

#[test]
fn average_pooling_spreads_the_gradient_over_the_pixels_it_divides_by() {
    for g in pool_shapes() {
        for include_pad in [false, true] {
            let mut l = Layer::new();
            let (x, dy) = (l.input("x", &[g.n, g.x_len()]), l.input("dy", &[g.n, g.y_len()]));
            let (y, dx) = (l.output("y", &[g.n, g.y_len()]), l.output("dx", &[g.n, g.x_len()]));
            avgpool::forward(&mut l.b, "forward", &g, include_pad, x, y).unwrap();
            avgpool::backward(&mut l.b, "backward", &g, include_pad, dy, dx).unwrap();
            l.check_layer(&[("x", "dx")]);
        }
    }
}

#[test]
fn a_residual_connection_adds_the_gradients_of_its_two_paths() {
    let mut l = Layer::new();
    let x = l.with("x", &[40], avoiding(uniform("x", 40), 0.0));
    let (dy, branch, y) = (l.input("dy", &[40]), l.output("branch", &[40]), l.output("y", &[40]));
    let (through, dx) = (l.output("through", &[40]), l.output("dx", &[40]));
    relu::forward(&mut l.b, "branch", 1, x, branch).unwrap();
    add::forward(&mut l.b, "add", 1, branch, x, y).unwrap();
    relu::backward(&mut l.b, "branch", 1, branch, dy, through).unwrap();
    add::forward(&mut l.b, "add", 1, dy, through, dx).unwrap();
    l.check_layer(&[("x", "dx")]);
}

#[test]
fn channels_of_zeros_pass_the_gradients_of_the_channels_before_them() {
    for channels in [[3, 5], [4, 8], [2, 2]] {
        let mut l = Layer::new();
        let [x, dy] = [("x", channels[0]), ("dy", channels[1])].map(|(name, c)| l.input(name, &[2, 6, c]));
        let [y, dx] = [("y", channels[1]), ("dx", channels[0])].map(|(name, c)| l.output(name, &[2, 6, c]));
        pad_channels::apply(&mut l.b, "pad", 2, channels, x, y).unwrap();
        pad_channels::apply(&mut l.b, "pad", 2, [channels[1], channels[0]], dy, dx).unwrap();
        l.check_layer(&[("x", "dx")]);
    }
}

#[test]
fn dropout_draws_the_mask_of_the_forward_pass_again() {
    let mut l = Layer::new();
    let (x, dy) = (l.input("x", &[90]), l.input("dy", &[90]));
    let (y, dx) = (l.output("y", &[90]), l.output("dx", &[90]));
    dropout::apply(&mut l.b, "forward", 1, 0.4, 2, x, y).unwrap();
    dropout::apply(&mut l.b, "backward", 1, 0.4, 2, dy, dx).unwrap();
    l.check_layer(&[("x", "dx")]);
}

/// A loss over 6 samples of 5 classes, of which 4 are valid.
fn check_loss(kernel: &'static Kernel, logits: Vec<f64>) {
    let (n, classes) = (6, 5);
    let mut l = Layer { labels: Some(vec![0, 3, 4, 1, 2, 2]), valid: 4, ..Layer::new() };
    let logits = l.with("logits", &[n, classes], logits);
    let labels = l.b.buffer("labels", Elem::U32, &[n], Role::Input);
    let (dlogits, rows) = (l.output("dlogits", &[n, classes]), l.output("rows", &[n, 3]));
    let arrays = loss::Arrays { logits, labels, dlogits, rows };
    loss::record(&mut l.b, "loss", kernel, [n, classes], &arrays).unwrap();
    l.check(&[("logits", "dlogits")], |r| r.read("rows").iter().step_by(3).sum());
}

#[test]
fn the_squared_hinge_gives_the_gradient_of_its_mean_over_valid_samples() {
    let logits = uniform("logits", 30).into_iter().map(|v| 2.0 * v).collect();
    check_loss(&square_hinge::FORWARD_BACKWARD, avoiding(avoiding(logits, 1.0), -1.0));
}

#[test]
fn the_softmax_cross_entropy_gives_the_gradient_of_its_mean_over_valid_samples() {
    check_loss(&softmax_ce::FORWARD_BACKWARD, uniform("logits", 30).into_iter().map(|v| 3.0 * v).collect());
}
