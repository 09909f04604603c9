//! Plans without a device: golden listings, and what must hold for every plan: no command reads what was never written,
//! no two live buffers share memory.

mod imagenet;
mod layering;
#[path = "../common/small.rs"]
mod small;
mod wide_resnet;
mod windows;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use weightproof::kernels::parameters::Parameters;
use weightproof::kernels::{self, texels};
use weightproof::model::preset::Preset;
use weightproof::model::{Network, Placement};
use weightproof::philox::philox4x32;
use weightproof::plan::{
    Access, AdapterClass, Arg, Buffer, Builder, Command, Dispatch, Elem, Layout, Matrices, Params, Plan, Role, Target,
    View, listing, memory,
};
use weightproof::session::{self, projector};

/// Compares `text` with `tests/golden/NAME.txt`; `make bless` rewrites the file. A golden changes only with its reason in
/// the CHANGELOG.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        return;
    }
    let want =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; `make bless` writes it", path.display()));
    if text == want {
        return;
    }
    let (mut new, mut old) = (text.lines(), want.lines());
    for line in 1.. {
        let (new, old) = (new.next(), old.next());
        assert!(
            new == old && new.is_some(),
            "{}:{line} is\n  {}\nand now\n  {}\nIf that is meant, `make bless` rewrites it.",
            path.display(),
            old.unwrap_or("(the end)"),
            new.unwrap_or("(the end)")
        );
    }
}

/// The intervals of a buffer that hold data, sorted and disjoint.
#[derive(Clone, Default)]
struct Written(Vec<Range<usize>>);

impl Written {
    fn add(&mut self, view: View) {
        // Tensors in flat arrays stand at multiples of 64 elements; nobody reads the gaps.
        let mut new = view.offset..(view.offset + view.len).next_multiple_of(64);
        // Ranges that overlap or touch the new one become part of it.
        self.0.retain(|r| {
            let apart = r.end < new.start || r.start > new.end;
            if !apart {
                new = new.start.min(r.start)..new.end.max(r.end);
            }
            apart
        });
        self.0.push(new);
        self.0.sort_by_key(|r| r.start);
    }

    fn holds(&self, view: View) -> bool {
        view.len == 0 || self.0.iter().any(|r| r.start <= view.offset && view.offset + view.len <= r.end)
    }
}

/// What is wrong with a plan, found by walking through it with the memory that `memory::allocate` hands out and with no
/// other knowledge of lifetimes: every element of a transient that is read was written by an earlier command and has not
/// been overwritten by another buffer in the same slot since, and no command binds two buffers in one slot.
fn unsound(plan: &Plan) -> Vec<String> {
    let allocation = memory::allocate(plan);
    let mut bad = vec![];
    let mut written = vec![Written::default(); plan.buffers.len()];
    for c in &plan.commands {
        let transients = |keep: fn(Access) -> bool| {
            let of = move |a: &&Arg| plan.buffer(a.view.buffer).role == Role::Transient && keep(a.access);
            c.args().iter().filter(of).map(|a| (a.view, a.view.buffer.0 as usize))
        };
        for (view, i) in transients(Access::reads) {
            if !written[i].holds(view) {
                bad.push(format!("{} reads {} where nothing was written", c.scope(), plan.buffers[i].name));
            }
        }
        for (view, i) in transients(|_| true) {
            let b = &plan.buffers[i];
            let Some(slot) = allocation.slot[i] else {
                bad.push(format!("{} binds {}, which has no memory", c.scope(), b.name));
                continue;
            };
            if allocation.slots[slot] < (view.offset + view.len) * b.elem.bytes() {
                bad.push(format!("{} is larger than its slot", b.name));
            }
            for (_, other) in transients(|_| true).filter(|&(_, o)| o != i && allocation.slot[o] == Some(slot)) {
                bad.push(format!("{} binds {} and {} in one slot", c.scope(), b.name, plan.buffers[other].name));
            }
        }
        for (view, i) in transients(Access::writes) {
            written[i].add(view);
            for other in (0..written.len()).filter(|&o| o != i && allocation.slot[o] == allocation.slot[i]) {
                written[other] = Written::default();
            }
        }
    }
    bad
}

/// A source of small numbers.
struct Dice {
    seed: u32,
    thrown: u32,
}

impl Dice {
    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.thrown += 1;
        philox4x32([self.thrown, 0, 0, 0], [self.seed, 0x00d1_ce00])[0] as usize % n
    }
}

/// A plan of up to 60 commands that read random earlier results and write a new buffer, part by part or whole, or change
/// an old one in place. Sound by construction.
fn random_plan(seed: u32) -> Plan {
    let mut dice = Dice { seed, thrown: 0 };
    let mut b = Builder::new("random", Target::baseline());
    let weight = b.buffer("weight", Elem::F32, &[256], Role::State);
    let mut ready: Vec<View> = vec![];
    let push = |b: &mut Builder, scope: String, args: Vec<Arg>| {
        let params = Params::default();
        let command =
            Dispatch { scope, kernel: "relu.forward", variant: "naive", knobs: vec![], params, args, grid: [1; 3] };
        b.push(Command::Dispatch(command)).expect("valid");
    };
    for i in 0..1 + dice.below(60) {
        let mut args = vec![Arg { name: "weight", view: weight, elem: Elem::F32, access: Access::Read }];
        for name in ["a", "b"] {
            if !ready.is_empty() && dice.below(4) > 0 {
                // Mostly recent results, now and then an old one, as backward passes read activations.
                let back = if dice.below(3) > 0 { 3 } else { ready.len() };
                let view = ready[ready.len() - 1 - dice.below(back.min(ready.len()))];
                if args.iter().all(|a| a.view != view) {
                    args.push(Arg { name, view, elem: Elem::F32, access: Access::Read });
                }
            }
        }
        match dice.below(5) {
            0 if args.len() > 1 => {
                let last = args.last_mut().expect("not empty");
                *last = Arg { name: "changed", view: last.view, elem: Elem::F32, access: Access::ReadWrite };
                push(&mut b, format!("change{i}"), args);
            }
            1 => {
                let y = b.transient(format!("t{i}"), &[2, 64 * (1 + dice.below(8))]);
                for row in 0..2 {
                    let mut args = args.clone();
                    args.push(Arg {
                        name: "y",
                        view: y.rows(&(row..row + 1), 2),
                        elem: Elem::F32,
                        access: Access::Write,
                    });
                    push(&mut b, format!("part{i}.{row}"), args);
                }
                ready.push(y);
            }
            _ => {
                let y = b.transient(format!("t{i}"), &[64 * (1 + dice.below(16))]);
                args.push(Arg { name: "y", view: y, elem: Elem::F32, access: Access::Write });
                push(&mut b, format!("new{i}"), args);
                ready.push(y);
            }
        }
    }
    b.finish().expect("valid")
}

/// As lavapipe: subgroups of eight lanes.
fn lavapipe() -> Target {
    Target::baseline().with(|a| a.subgroup = Some(8))
}

/// As lavapipe, with batch norm, ReLU and pooling as separate kernels.
fn unfused() -> Target {
    lavapipe().unfused()
}

/// Bindings so small that every command is cut into windows.
fn windowed() -> Target {
    let mut target = Target::baseline();
    target.adapter.limits.max_binding = small::NARROW;
    target
}

/// The CIFAR-10 network of Merolla et al. 2016 at full width.
fn cifar_vgg() -> Network {
    let preset = Preset::load("merolla2016/cifar10/tr-stochm-c", &[]).unwrap_or_else(|e| panic!("{e}"));
    Network::new(&preset, [32, 32, 3], 10).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_listing_of_a_training_step_is_as_it_was() {
    let plan = |network: &Network, target| listing::listing(&network.train_plan(&target).expect("it fits"));
    golden("small_windows", &plan(&small::wide(), windowed()));
    golden("cifar_vgg_baseline", &plan(&cifar_vgg(), Target::baseline()));
    golden("cifar_vgg_lavapipe", &plan(&cifar_vgg(), lavapipe()));
    golden("cifar_vgg_gpu", &plan(&cifar_vgg(), gpu()));
    let sets = ["augment.flip=0.5", "augment.crop=2", "width=0.25"].map(String::from);
    let preset = Preset::load("demo/digits", &sets).unwrap_or_else(|e| panic!("{e}"));
    let augmented = session::network_for(&preset, [8, 8, 1]).unwrap_or_else(|e| panic!("{e}"));
    golden("digits_augmented", &plan(&augmented, lavapipe()));
}

/// A GPU without matrices of f16.
fn gpu() -> Target {
    Target::baseline().with(|a| a.class = AdapterClass::Gpu)
}

/// A GPU with matrices of f16.
fn with_matrices() -> Target {
    gpu().with(|a| {
        a.limits.max_workgroup_memory = 48 << 10;
        a.matrices = Some(Matrices { size: 16, scalars: false });
        (a.subgroup, a.float16) = (Some(32), true);
    })
}

#[test]
fn a_precision_below_f32_is_for_the_layers_that_it_fits_and_for_adapters_that_have_it() {
    for (precision, matrices) in [("f32", "tiled"), ("f16", "coop"), ("split", "coop_split")] {
        let network = cifar_vgg_in(precision);
        let plan = network.train_plan(&with_matrices()).unwrap_or_else(|e| panic!("{e}"));
        let in_parts = |c: &&Dispatch| {
            c.kernel == "conv2d.sum_partials" || c.kernel == "conv2d.forward" && c.params.u("splits") > 1
        };
        let is_pass = |c: &&Dispatch| c.kernel.starts_with("conv2d.") && !in_parts(c);
        let convolutions: Vec<&Dispatch> = plan.dispatches().filter(is_pass).collect();
        // Eight layers, three passes; no gradient of the images, and the sum over 8192 inputs is made in parts.
        assert_eq!(convolutions.len(), 8 * 3 - 2);
        for c in convolutions {
            let layer = c.scope.split('.').next().expect("a name");
            // Three input channels; ten classes.
            let want = match layer {
                "conv1" => "first",
                "fc2" => "naive",
                // The preset trains with signs.
                _ if precision == "split" && !c.kernel.contains("grad_weight") => "coop_ternary",
                _ => matrices,
            };
            assert_eq!(c.variant, want, "{} {precision}", c.scope);
        }
        match network.train_plan(&Target::baseline()) {
            Ok(_) => assert_eq!(precision, "f32"),
            Err(e) => {
                let lacks = if precision == "f16" { "SHADER_F16" } else { "matrices of f16" };
                assert!(precision != "f32" && e.to_string().contains(lacks), "{e}");
            }
        }
    }
}

/// On a driver on the CPU: a precision that is asked for takes its matrices, of any size, and f32 its own kernels. In the Metal
/// Shading Language matrices cannot be added, so there is no "split"; and a workgroup that is too large is not taken.
#[test]
fn matrices_are_for_the_precision_that_is_asked_for_on_drivers_on_the_cpu_too() {
    let of = |size, scalars| {
        lavapipe().with(|a| {
            a.matrices = Some(Matrices { size, scalars });
            a.float16 = true;
            a.limits.max_workgroup_memory = 32 << 10;
        })
    };
    let coop = |precision: &str, target: &Target| {
        let plan = cifar_vgg_in(precision).train_plan(target).unwrap_or_else(|e| panic!("{e}"));
        let own = plan.dispatches().filter(|c| c.variant.starts_with("coop"));
        // But for the optional arguments.
        let constants =
            |c: &Dispatch| c.knobs.iter().filter(|(n, _)| n.starts_with(char::is_uppercase)).cloned().collect();
        own.map(constants).collect::<Vec<Vec<_>>>()
    };
    let plain = listing::listing(&cifar_vgg_in("f32").train_plan(&lavapipe()).expect("it fits"));
    for size in [8, 16] {
        let target = of(size, false);
        assert_eq!(listing::listing(&cifar_vgg_in("f32").train_plan(&target).expect("it fits")), plain);
        for precision in ["f16", "split"] {
            let all = coop(precision, &target);
            // Seven layers of eight, three passes; the last layer has ten classes.
            assert_eq!(all.len(), 6 * 3, "{precision}");
            let fact = |name: &str, value: u32| (name.to_owned(), value);
            let want: Vec<_> = (size == 8).then(|| fact("MATRIX", 8)).into_iter().chain([fact("LANES", 8)]).collect();
            assert!(all.iter().all(|knobs| *knobs == want), "{precision}: {all:?}");
        }
    }
    let metal = of(8, true).with(|a| (a.class, a.subgroup) = (AdapterClass::Gpu, Some(32)));
    assert!(coop("f16", &metal).iter().all(|knobs| knobs.contains(&("SCALARS".into(), 1))));
    assert!(!coop("f16", &metal).is_empty());
    let refused = cifar_vgg_in("split").train_plan(&metal).expect_err("matrices that cannot be added").to_string();
    assert!(refused.contains("can be added"), "{refused}");
    let small = of(8, false).with(|a| a.limits.max_invocations = 16);
    assert_eq!(coop("f16", &small).len(), 0);
}

fn cifar_vgg_in(precision: &str) -> Network {
    let set = format!("precision={precision}");
    let preset = Preset::load("merolla2016/cifar10/tr-sign-c", &[set]).unwrap_or_else(|e| panic!("{e}"));
    Network::new(&preset, [32, 32, 3], 10).unwrap_or_else(|e| panic!("{e}"))
}

/// Two products of matrices in the place of three, where the projection of training leaves 0 or + - one magnitude: what tests
/// bring is not known to the plan.
#[test]
fn signs_are_multiplied_where_the_projection_of_training_leaves_nothing_else() {
    for (projection, signs) in
        [("sign", true), ("round", true), ("stoch", true), ("none", false), ("stochm:0.5", false), ("quant:4", false)]
    {
        let sets = ["precision=split".to_owned(), format!("projection={projection}")];
        let preset = Preset::load("merolla2016/cifar10/tr-sign-c", &sets).unwrap_or_else(|e| panic!("{e}"));
        let network = Network::new(&preset, [32, 32, 3], 10).unwrap_or_else(|e| panic!("{e}"));
        let with_signs = |plan: &Plan| plan.dispatches().filter(|c| c.variant == "coop_ternary").count();
        // Forward and backward through five convolutions and the first linear layer, whose forward pass is in parts.
        let train = network.train_plan(&with_matrices()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(with_signs(&train), if signs { 5 + 6 } else { 0 }, "{projection}");
        let test = network.test_plan(&with_matrices(), 100).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(with_signs(&test), 0, "{projection}");
    }
}

/// Under "f16", on GPUs with matrices and without and on lavapipe: every map of the forward pass but the logits takes half of
/// the bytes, nothing else changes its type, and the counted traffic and the memory follow.
#[test]
fn maps_of_f16_take_half_of_the_bytes_and_everything_else_is_as_it_was() {
    let with = |target: Target| target.with(|a| a.float16 = true);
    for target in [with_matrices(), with(gpu()), with(lavapipe())] {
        // Separate layers: their maps are the same ones in both precisions.
        let target = target.unfused();
        let plan = |precision| cifar_vgg_in(precision).train_plan(&target).unwrap_or_else(|e| panic!("{e}"));
        let (whole, half) = (plan("f32"), plan("f16"));
        let mut maps = 0;
        for b in half.buffers.iter().filter(|b| b.texels.is_none()) {
            let Some(same) = whole.find(&b.name) else { continue };
            let same = whole.buffer(same);
            let is_map = b.name.ends_with(".output") && b.name != "bn8.output";
            assert_eq!(b.elem == Elem::F16, is_map, "{}", b.name);
            assert_eq!((b.len(), b.bytes() * if is_map { 2 } else { 1 }), (same.len(), same.bytes()), "{}", b.name);
            maps += usize::from(is_map);
        }
        // Eight convolutions and linear layers, seven of them with ReLU, eight batch norms but the last, three poolings.
        assert_eq!(maps, 8 + 7 + 7 + 3);
        assert!(memory::footprint(&half) < memory::footprint(&whole));
        let traffic = |plan: &Plan, kernel: &str| -> f64 {
            let of = |c: &&Dispatch| c.kernel == kernel;
            plan.dispatches().filter(of).map(|c| kernels::find(kernel).expect("known").work(c).bytes).sum()
        };
        assert_eq!(2.0 * traffic(&half, "relu.forward"), traffic(&whole, "relu.forward"));
        assert_eq!(traffic(&half, "optimizer.adam"), traffic(&whole, "optimizer.adam"));
        assert!(listing::listing(&half).contains(" y=f16") && !listing::listing(&whole).contains("=f16"));
    }
}

/// Kernels by scope, where they are convolutions or belong to a batch norm.
fn fusable(plan: &Plan) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let families = ["conv2d", "batchnorm", "norm_relu"];
    for c in plan.dispatches().filter(|c| families.contains(&c.kernel.split('.').next().unwrap_or_default())) {
        all.entry(&c.scope).or_default().push(c.kernel);
    }
    all
}

/// The optional arguments of the convolution of a scope.
fn given(plan: &Plan, scope: &str) -> Vec<&'static str> {
    let own = |c: &&Dispatch| c.scope == scope && c.kernel.starts_with("conv2d.");
    let command = plan.dispatches().find(own);
    command.map_or(vec![], |c| kernels::find(c.kernel).expect("a known kernel").given(c.args.iter().map(|a| a.name)))
}

/// On GPUs. Before a convolution: normalisation and ReLU, unless it is a linear layer, or two read the map. After one: moments, unless
/// pooling or a sum comes between.
#[test]
fn convolutions_take_over_what_batch_norms_around_them_leave_to_them() {
    let network = small::normalised();
    let plan = network.train_plan(&gpu()).expect("it fits");
    let kernels = fusable(&plan);
    let of = |scope: &str| kernels.get(scope).map_or(&[][..], |k| k.as_slice());
    for (layer, forward) in [
        ("conv1", &["moments"][..]),
        ("conv2", &["table", "moments"]),
        ("conv3", &["table"]),
        ("conv4", &["moments"]),
        ("conv5", &["table", "moments"]),
        ("conv6", &["table", "moments"]),
        ("fc1", &[]),
    ] {
        assert_eq!(given(&plan, &format!("{layer}.forward")), forward, "{layer}");
        let backward: &[&str] = if forward.contains(&"table") { &["table"] } else { &[] };
        assert_eq!(given(&plan, &format!("{layer}.grad_weight")), backward, "{layer}");
    }
    let (combine, both) = (vec!["batchnorm.combine"], vec!["batchnorm.partial", "batchnorm.combine"]);
    let (table, stored) = (vec!["norm_relu.table"], vec!["norm_relu.table", "norm_relu.forward"]);
    // Behind conv3 comes a pooling, before conv4 two read; behind the residual block, a sum; behind bn7, a linear layer.
    for (norm, statistics, forward) in [
        ("bn1", &combine, &table),
        ("bn2", &combine, &table),
        ("bn3", &both, &stored),
        ("bn4", &combine, &table),
        ("bn6", &both, &table),
        ("bn7", &combine, &stored),
    ] {
        assert_eq!(of(&format!("{norm}.moments")), statistics, "{norm}");
        assert_eq!(of(&format!("{norm}.forward")), forward, "{norm}");
    }
    for target in [lavapipe().unfused(), gpu().unfused()] {
        let plan = network.train_plan(&target).expect("it fits");
        let taken = |c: &&Dispatch| !given(&plan, &c.scope).is_empty();
        assert_eq!(plan.dispatches().find(taken).map(|c| &c.scope), None, "{:?}", target.adapter.class);
    }
}

/// On software drivers the last convolution of a residual block leaves the block's output, and tiles of 64 rows leave moments,
/// for the batch norm that begins the next block, too. Tiles of 32 rows (stride 2) do not.
#[test]
fn convolutions_add_the_shortcut_on_software_drivers() {
    let set = ["width=0.25", "augment.fill=zero"].map(String::from);
    let preset = Preset::load("mcdonnell2018/cifar10/wrn-20-4-1bit", &set).unwrap_or_else(|e| panic!("{e}"));
    let network = Network::new(&preset, [32, 32, 3], 10).unwrap_or_else(|e| panic!("{e}"));
    let plan = network.train_plan(&lavapipe()).expect("it fits");
    for (scope, arguments) in [
        ("conv1.forward", &["moments"][..]),
        ("conv2.forward", &["moments"]),
        ("conv3.forward", &["moments", "skip"]),
        ("conv8.forward", &[]),
        ("conv9.forward", &["skip"]),
        ("conv15.forward", &["moments", "skip"]),
        ("conv20.forward", &[]),
    ] {
        let command = plan.dispatches().filter(|c| c.scope == scope).last().expect("it is there");
        let kernel = kernels::find(command.kernel).expect("a known kernel");
        assert_eq!(kernel.given(command.args.iter().map(|a| a.name)), arguments, "{scope}");
    }
    let sums = |plan: &Plan| plan.dispatches().filter(|c| c.kernel == "add.forward").count();
    assert_eq!([sums(&plan), sums(&network.train_plan(&gpu()).expect("it fits"))], [0, 9]);
}

/// Bytes that the commands of a plan move at least, but for one whose sums GPUs make in parts.
fn traffic(plan: &Plan) -> f64 {
    let work = |c: &Dispatch| kernels::find(c.kernel).expect("a known kernel").work(c).bytes;
    plan.dispatches().filter(|c| c.scope != "fc1.forward").map(work).sum()
}

/// What a convolution takes over need not move: the map that its moments came from, and both ways of a normalised map. In
/// exchange there are blocks of 64 rows of moments, and the table is read by both passes.
#[test]
fn fused_convolutions_save_what_the_maps_around_a_batch_norm_take() {
    let network = cifar_vgg();
    // As lavapipe without textures: the kernels of a GPU but for the convolutions.
    let mut single = Target::baseline();
    single.adapter.limits.max_texture = 0;
    let [fused, apart] = [gpu(), single].map(|t| network.train_plan(&t).unwrap_or_else(|e| panic!("{e}")));
    let map = |rows: usize, c: usize| 4.0 * (rows * c) as f64;
    let maps = [(51_200, 128), (12_800, 128), (12_800, 256), (3200, 256), (3200, 512)];
    let normalised: f64 = maps.iter().map(|&(rows, c)| 2.0 * map(rows, c)).sum();
    let moments: f64 = [maps[0], maps[2], maps[4]].iter().map(|&(rows, c)| map(rows, c)).sum();
    let tables: f64 = maps.iter().map(|&(_, c)| map(4, c)).sum();
    // Written and read, where the first map has 800 blocks instead of 200.
    let blocks = 2.0 * map(2 * (800 - 200), 128);
    let saved = traffic(&apart) - traffic(&fused);
    assert_eq!(saved, normalised + moments - tables - blocks);
}

/// As lavapipe, its convolutions in the direct form.
fn direct() -> Target {
    let mut target = lavapipe();
    target.options.rows = small::direct_rows();
    target
}

/// It counts the operations of the direct form. Its transformed maps, each written and read once, are in the account of bytes, and
/// in the memory of the plan, where those of a forward pass are of one part of the batch.
#[test]
fn convolutions_by_winograd_show_their_work_and_memory() {
    let network = cifar_vgg();
    let plan = |target: Target| network.train_plan(&target).unwrap_or_else(|e| panic!("{e}"));
    let apart = [direct().unfused(), lavapipe().unfused()].map(plan); // without moments, which not every variant leaves
    let [direct, plan] = [direct(), lavapipe()].map(plan);
    let work = |plan: &Plan, scope: &str| {
        let of_scope = plan.dispatches().filter(|c| c.scope == scope);
        let each = of_scope.map(|c| kernels::find(c.kernel).expect("a known kernel").work(c));
        each.fold((0.0, 0.0), |sum, w| (sum.0 + w.flop, sum.1 + w.bytes))
    };
    for layer in 2..7 {
        for pass in ["forward", "grad_input", "grad_weight"] {
            let scope = format!("conv{layer}.{pass}");
            let mut of_scope = plan.dispatches().filter(|c| c.scope == scope);
            assert!(of_scope.all(|c| c.kernel.starts_with("winograd.") && c.variant != "naive"), "{scope}");
            assert_eq!(work(&apart[1], &scope).0, work(&apart[0], &scope).0, "{scope}");
        }
    }
    // conv6: 50 images of 4 x 2 tiles, in blocks of 32; transformed weights and inputs.
    let [u, v] = [24.0 * 512.0 * 512.0, 13.0 * 32.0 * 24.0 * 512.0].map(|len| 8.0 * len);
    for pass in ["forward", "grad_input"] {
        let scope = format!("conv6.{pass}");
        assert_eq!(work(&apart[1], &scope).1 - work(&apart[0], &scope).1, u + v, "{scope}");
    }
    let largest = plan.buffers.iter().filter(|b| b.name.contains("conv2.forward.")).map(|b| 4 * b.len()).max();
    assert!((12 << 20..=24 << 20).contains(&largest.expect("there are")), "{largest:?}");
    let extra = memory::footprint(&plan) - memory::footprint(&direct);
    // Most of it for the gradient of conv2, whose rows of inputs and of gradients take 42 and 39 MB, in textures once more.
    assert!((160 << 20..240 << 20).contains(&extra), "{extra}");
}

#[test]
fn every_plan_is_sound_on_every_target() {
    // Bindings that hold what the direct form needs, and not the rows of conv2 transformed for its gradient.
    let narrow = lavapipe().with(|a| a.limits.max_binding = 40 << 20);
    for (network, targets) in [
        (small::network("stochm3:0.5,quantile"), vec![Target::baseline(), lavapipe(), unfused()]),
        (small::network("conv*:bwn+fc1:sign:filter"), vec![Target::baseline(), lavapipe(), unfused()]),
        (small::wide(), vec![lavapipe(), windowed()]),
        (
            small::large_weights(),
            [lavapipe(), gpu()].map(|t| t.with(|a| a.limits.max_binding = small::LESS_THAN_WEIGHTS)).into(),
        ),
        (small::normalised(), vec![lavapipe(), unfused(), gpu(), with_matrices()]),
        (small::in_shards(), vec![lavapipe(), windowed()]),
        (cifar_vgg(), vec![Target::baseline(), lavapipe(), unfused(), direct(), gpu(), narrow]),
    ] {
        for target in targets {
            let cut = |least| network.cut_plans(&target, &Placement::Uploaded, network.shards, least).unwrap();
            let (whole, groups) = (cut(None), cut(Some(1)).last);
            assert_eq!((whole.last.len(), groups.len()), (1, network.parameters.tensors.len()));
            // From the last tensor to the first, each when its gradient is there.
            let mut end = network.parameters.len();
            for (group, t) in groups.iter().zip(network.parameters.tensors.iter().rev()) {
                assert_eq!(group.elements, t.offset..end, "{}", t.name);
                end = t.offset;
                let mut later = whole.gradient.commands[group.after..].iter().flat_map(Command::args);
                let grad = whole.gradient.find(Parameters::GRAD).unwrap();
                let own = t.grad_part(View { buffer: grad, offset: 0, len: network.parameters.grad_len() });
                let apart = |v: View| v.offset >= own.offset + own.len || own.offset >= v.offset + v.len;
                assert!(later.all(|a| !a.access.writes() || a.view.buffer != grad || apart(a.view)), "{}", t.name);
            }
            assert!(groups.is_sorted_by_key(|group| group.after) && groups[0].after < whole.gradient.commands.len());
            let groups = groups.into_iter().map(|group| group.plan);
            for plan in whole.into_plans().into_iter().chain(groups).map(Ok).chain([
                network.train_plan(&target),
                projector::maxima_plan(&network.parameters, &target),
                projector::quantile_plan(&network.parameters, &target),
                projector::link_plan(&network.parameters, &target, "weight", "projected", &vec![]),
                network.moments_plan(&target),
                network.test_plan(&target, 7),
            ]) {
                let plan = plan.unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(unsound(&plan), Vec::<String>::new(), "{}", plan.name);
                assert_eq!(plan.unwritten_reads(), Vec::<String>::new(), "{}", plan.name);
            }
        }
    }
}

#[test]
fn no_command_of_a_random_plan_reads_what_was_never_written_or_has_been_overwritten() {
    for seed in 0..400 {
        let plan = random_plan(seed);
        assert_eq!(unsound(&plan), Vec::<String>::new(), "seed {seed}");
        assert_eq!(plan.unwritten_reads(), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn transients_that_live_at_the_same_time_never_share_a_slot() {
    for seed in 0..400 {
        let plan = random_plan(seed);
        let (life, allocation) = (memory::lifetimes(&plan), memory::allocate(&plan));
        let placed: Vec<_> = (0..plan.buffers.len()).filter_map(|i| Some((i, life[i]?, allocation.slot[i]?))).collect();
        for (n, (i, (first, last), slot)) in placed.iter().enumerate() {
            for (j, (other_first, other_last), other_slot) in &placed[n + 1..] {
                let together = first <= other_last && other_first <= last;
                assert!(!together || slot != other_slot, "seed {seed}: buffers {i} and {j}");
            }
        }
    }
}

#[test]
fn slots_are_shared() {
    let saved = |seed| {
        let plan = random_plan(seed);
        let whole: usize = plan.buffers.iter().filter(|b| b.role == Role::Transient).map(Buffer::bytes).sum();
        (whole, memory::allocate(&plan).bytes())
    };
    let (whole, allocated) = (0..100).map(saved).fold((0, 0), |s, v| (s.0 + v.0, s.1 + v.1));
    assert!(allocated * 2 < whole, "{allocated} of {whole} bytes");
}

#[test]
fn textures_share_a_slot_where_their_rows_are_of_one_width() {
    let mut b = Builder::new("textures", Target::baseline());
    let x = b.buffer("x", Elem::F32, &[16, 2, 48], Role::State);
    let layouts = [Layout::InOrder, Layout::ByGroup { groups: 2, part: 12 }, Layout::ByGroup { groups: 3, part: 10 }];
    let copies = layouts.map(|layout| texels::copy(&mut b, "copy", x.slice(0..960), layout).unwrap());
    let allocation = memory::allocate(&b.finish().unwrap());
    let [in_order, of_two, of_three] = copies.map(|copy| allocation.slot[copy.buffer.0 as usize].unwrap());
    assert!(in_order != of_two && of_two == of_three, "{allocation:?}");
}

#[test]
fn a_plan_that_lost_a_command_is_found_unsound() {
    let mut found = 0;
    for seed in 0..100 {
        let mut plan = random_plan(seed);
        // Without the writer of a buffer that is read later.
        let is_read = |p: &Plan, at: usize| {
            let Some(written) = p.commands[at].args().iter().find(|a| a.access == Access::Write) else { return false };
            p.commands[at + 1..]
                .iter()
                .any(|c| c.args().iter().any(|a| a.access.reads() && a.view.buffer == written.view.buffer))
        };
        let Some(at) = (0..plan.commands.len()).find(|&i| is_read(&plan, i)) else { continue };
        plan.commands.remove(at);
        assert!(!unsound(&plan).is_empty(), "seed {seed}: command {at} is not missed");
        found += 1;
    }
    assert!(found > 50, "only {found} plans read what they write");
}
