//! The reproductions as data: which networks, how they are trained, what is measured of them. The rest of the program
//! knows none of this.

use clap::ValueEnum;

/// How large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// Narrow networks and short trainings: for CPU cores. `--dry-run` says how long
    Mini,
    /// As the paper: for a GPU
    Full,
}

impl Scale {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Mini => "mini",
            Scale::Full => "full",
        }
    }
}

/// What a scale sets.
pub struct Setting {
    /// Keys of every preset that it changes.
    pub sets: &'static [&'static str],
    /// Further keys of some presets, by the ends of their names.
    of: &'static [(&'static str, &'static [&'static str])],
    /// What differs from the paper, a line each.
    pub differs: &'static [&'static str],
}

/// What all reproductions of a paper have in common. Those of one scale share their runs, if they share `--out`.
pub struct Paper {
    /// What the folder of its runs is called.
    pub name: &'static str,
    /// Whether its networks are all for one data set, which the names of their folders leave out.
    one_set: bool,
    /// At the scales mini and full.
    pub settings: [Setting; 2],
    /// What differs from the paper, or is not said in it, at every scale.
    pub differs: &'static [&'static str],
}

impl Setting {
    /// The keys of a preset that it changes.
    pub fn sets_of(&self, preset: &str) -> Vec<String> {
        let own = self.of.iter().filter(|(end, _)| preset.ends_with(end)).flat_map(|(_, sets)| *sets);
        self.sets.iter().chain(own).map(|s| (*s).to_owned()).collect()
    }
}

impl Paper {
    /// The folder of the run of a preset, `<paper>/<set>/<network>`.
    pub fn folder(&self, preset: &str) -> String {
        let mut parts = preset.splitn(3, '/').skip(1);
        let (set, network) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if self.one_set { network.into() } else { format!("{set}-{network}") }
    }
}

/// Both scales test under None and Sign every two epochs (figure 1B), with moments from fewer batches than a final test takes.
const MEROLLA: Paper = Paper {
    name: "merolla2016",
    one_set: true,
    settings: [
        Setting {
            sets: &[
                "width=0.125",
                "data.train=10000",
                "epochs=20",
                "eval.distort=[\"none\",\"sign\"]",
                "eval.every=2",
                "eval.moments_batches=40",
            ],
            of: &[],
            differs: &[
                "an eighth of the channels: 204,208 weights in layers of 16 to 128 channels, not 12,973,440",
                "the first 10,000 training images of 50,000 (whitening is fitted to all)",
                "20 epochs of 500; the learning rate falls over these 20",
                "sweeps test the first 5,000 images of 10,000, with moments from 50 batches, two draws and wider steps",
                "errors are some 20 to 30 points higher than the paper's, most for Tr-Stoch-C, which learns slowest; what can be \
                 compared is what a distortion does to each network",
            ],
        },
        Setting {
            sets: &["eval.distort=[\"none\",\"sign\"]", "eval.every=2", "eval.moments_batches=200", "eval.batch=250"],
            of: &[],
            differs: &[],
        },
    ],
    differs: &[
        "one seed per network; the paper does not say how many it averages",
        "the decay of the learning rate, the epsilon of batch norm, the images held out (none here), and the training batches \
         that moments are averaged over are not in the paper: [U] in models/README.md",
    ],
};

/// The networks are tested at the end of every cycle of the learning rate.
const MCDONNELL: Paper = Paper {
    name: "mcdonnell2018",
    one_set: false,
    settings: [
        Setting {
            sets: &["width=0.25", "epochs=6"],
            of: &[],
            differs: &[
                "a quarter of the channels: 268,336 weights in WRN-20-4, not 4,280,512",
                "6 epochs, the first two cycles of the learning rate: the paper's curves are compared at 2 and 6",
                "of the table the rows of WRN-20-4 only",
            ],
        },
        Setting { sets: &[], of: &[], differs: &[] },
    ],
    differs: &["one seed per network", "the learning rate ends each cycle at 1e-4, as in the paper; its code has 1e-5"],
};

/// Figures 3 and 4: tests under None, Round and Sign at regular steps, as the base of the presets has it.
const ALEXNET: Paper = Paper {
    name: "merolla2016-imagenet",
    one_set: true,
    settings: [
        Setting {
            sets: &[
                "width=0.125",
                "classes=10",
                "data.crop=128",
                "batch=50",
                "steps=480",
                "eval.every_steps=48",
                "eval.moments_batches=12",
            ],
            of: &[
                ("tr-none-c", ALEXNET_CLIP),
                ("tr-stochm3-c", ALEXNET_CLIP),
                ("tr-stochm3-c", ALEXNET_LONG),
                ("bwn", ALEXNET_LONG),
                ("binaryconnect", ALEXNET_LONG),
            ],
            differs: &[
                "an eighth of the channels, images of 128 x 128, the classes of the folder that --data names, of which there are 10",
                "480 or 3,600 iterations with batches of 50, not 20,000 or 150,000 with 512; rate and clip bounds change after the \
                 same parts of them",
            ],
        },
        Setting { sets: &[], of: &[], differs: &[] },
    ],
    differs: &[
        "one seed per network",
        "the rate of the runs of 20,000 iterations, the clip bounds but those of Tr-StochM3-C, and the training batches that moments are \
         averaged over are not in the paper: [U] in models/merolla2016/imagenet/base.toml",
    ],
};

/// After as many iterations of 480 or 3,600 as 5,000, 10,000 and 15,000 are of 20,000 or 150,000.
const ALEXNET_CLIP: &[&str] = &["clip.schedule=[[120,1.4],[240,1.4],[360,1.4]]"];
/// For 150,000 iterations, as 480 for 20,000.
const ALEXNET_LONG: &[&str] =
    &["steps=3600", "epochs=300", "eval.every_steps=360", "lr.factors=[[2400,0.01],[3000,0.01]]"];

/// Points that are wanted of every network.
pub struct Measure {
    /// What for.
    pub what: &'static str,
    /// Options of `sweep` at the scales mini and full.
    pub options: [&'static str; 2],
}

/// A table or figure of the paper.
pub struct Reproduction {
    /// The word on the command line.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Of which paper.
    pub paper: &'static Paper,
    /// Presets of the networks at the scales mini and full.
    pub networks: [&'static [&'static str]; 2],
    /// What is tested.
    pub measures: &'static [Measure],
    /// What else is asked of each network: options of `analyze`.
    pub analyses: &'static [(&'static str, &'static str)],
}

/// The last columns of every table: all test images, moments from all training images.
const TESTS: Measure = Measure {
    what: "Table 2: test errors under None, Sign and Round, and under noise of sigma 0.3 and 0.55",
    options: ["--distort none,sign,round,addnorm:0.3,addnorm:0.55 --draws 4 --moments-batches 0"; 2],
};

const SIGMA: Measure = Measure {
    what: "Figure 2A: error over the sigma of additive noise",
    options: [
        "--addnorm 0:1:0.1 --draws 2 --images 5000 --moments-batches 50",
        "--addnorm 0:1:0.05 --draws 4 --moments-batches 0",
    ],
};

const GAMMA_AND_BETA: Measure = Measure {
    what: "Figures 2B and 2C: error over the gamma of multiplicative noise and the beta of Power",
    options: [
        "--multunif 1:0.1:-0.1 --power 0:2:0.2 --draws 2 --images 5000 --moments-batches 50",
        "--multunif 1:0.1:-0.05 --power 0:2:0.1 --draws 4 --moments-batches 0",
    ],
};

const BITS: (&str, &str) = ("effective bits per weight", "--only bits --distort sign,round,addnorm:0.3,addnorm:0.55");

/// Four exponents of Power: 1 is None, 0 is Sign.
const HISTOGRAMS: (&str, &str) =
    ("Figures 1A and 2D: weights of conv2", "--only histograms --layers conv2 --distort none,sign,power:0.5,power:2");

/// The six networks of Table 2.
const SIX: &[&str] = &[
    "merolla2016/cifar10/tr-none-nc",
    "merolla2016/cifar10/tr-none-c",
    "merolla2016/cifar10/tr-sign-c",
    "merolla2016/cifar10/tr-stoch-c",
    "merolla2016/cifar10/tr-power-c",
    "merolla2016/cifar10/tr-stochm-c",
];

const POWER: Measure = Measure {
    what: "Figure 4, left: error over the beta of Power",
    options: ["--power 0:2:0.25 --moments-batches 12", "--power 0:2:0.1 --moments-batches 100"],
};

/// AlexNets; the first three are those of figure 3.
const ALEXNET_ALL: &[&str] = &[
    "merolla2016/imagenet/tr-none-nc",
    "merolla2016/imagenet/tr-none-c",
    "merolla2016/imagenet/tr-stochm3-c",
    "merolla2016/imagenet/bwn",
    "merolla2016/imagenet/binaryconnect",
];

/// Networks whose learning curves are known; the first four are WRN-20-4.
const WIDE_CURVES: &[&str] = &[
    "mcdonnell2018/cifar10/wrn-20-4-32bit",
    "mcdonnell2018/cifar10/wrn-20-4-1bit",
    "mcdonnell2018/cifar100/wrn-20-4-32bit",
    "mcdonnell2018/cifar100/wrn-20-4-1bit",
    "mcdonnell2018/cifar10/wrn-20-10-32bit",
    "mcdonnell2018/cifar10/wrn-20-10-1bit",
];

/// The rows of the table; the first eight are WRN-20-4.
const WIDE_ALL: &[&str] = &[
    "mcdonnell2018/cifar10/wrn-20-4-32bit",
    "mcdonnell2018/cifar10/wrn-20-4-1bit",
    "mcdonnell2018/cifar10/wrn-20-4-32bit-cutout",
    "mcdonnell2018/cifar10/wrn-20-4-1bit-cutout",
    "mcdonnell2018/cifar100/wrn-20-4-32bit",
    "mcdonnell2018/cifar100/wrn-20-4-1bit",
    "mcdonnell2018/cifar100/wrn-20-4-32bit-cutout",
    "mcdonnell2018/cifar100/wrn-20-4-1bit-cutout",
    "mcdonnell2018/cifar10/wrn-20-10-32bit",
    "mcdonnell2018/cifar10/wrn-20-10-1bit",
    "mcdonnell2018/cifar10/wrn-20-10-32bit-cutout",
    "mcdonnell2018/cifar10/wrn-20-10-1bit-cutout",
    "mcdonnell2018/cifar100/wrn-20-10-32bit",
    "mcdonnell2018/cifar100/wrn-20-10-1bit",
    "mcdonnell2018/cifar100/wrn-20-10-32bit-cutout",
    "mcdonnell2018/cifar100/wrn-20-10-1bit-cutout",
    "mcdonnell2018/cifar10/wrn-26-10-32bit",
    "mcdonnell2018/cifar10/wrn-26-10-1bit",
    "mcdonnell2018/cifar10/wrn-26-10-32bit-cutout",
    "mcdonnell2018/cifar10/wrn-26-10-1bit-cutout",
    "mcdonnell2018/cifar100/wrn-26-10-32bit",
    "mcdonnell2018/cifar100/wrn-26-10-1bit",
    "mcdonnell2018/cifar100/wrn-26-10-32bit-cutout",
    "mcdonnell2018/cifar100/wrn-26-10-1bit-cutout",
];

/// Every reproduction. Those of one scale share their runs, if they share `--out`.
pub const REPRODUCTIONS: &[Reproduction] = &[
    Reproduction {
        name: "merolla2016-table2",
        what: "Table 2 of Merolla et al. 2016: CIFAR-10 test error of six networks under None, Sign and Round; and the sweep \
               over additive noise",
        paper: &MEROLLA,
        networks: [SIX; 2],
        measures: &[TESTS, SIGMA],
        analyses: &[BITS],
    },
    Reproduction {
        name: "merolla2016-figure1",
        what: "Figure 1 of Merolla et al. 2016: test error under None and Sign during training, distance and correlation of \
               weights and signs by layer; of the network without clipping, of the one with, and of one that projects too",
        paper: &MEROLLA,
        networks: [&[
            "merolla2016/cifar10/tr-none-nc",
            "merolla2016/cifar10/tr-none-c",
            "merolla2016/cifar10/tr-stochm-c",
        ]; 2],
        measures: &[TESTS],
        analyses: &[
            HISTOGRAMS,
            ("Figure 1B: two filters of conv1", "--only filters --filters 0,1"),
            ("Figure 1C: mean |W - Sign(W)|", "--only distance --distort sign"),
            ("Figure 1D: activity under None and under Sign", "--only correlation --distort sign"),
        ],
    },
    Reproduction {
        name: "merolla2016-figure2",
        what: "Figure 2 of Merolla et al. 2016: error of six networks over the strength of additive noise, multiplicative \
               noise, and Power",
        paper: &MEROLLA,
        networks: [SIX; 2],
        measures: &[TESTS, SIGMA, GAMMA_AND_BETA],
        analyses: &[HISTOGRAMS, BITS],
    },
    Reproduction {
        name: "merolla2016-figure3",
        what: "Figure 3 of Merolla et al. 2016: errors of AlexNet on ImageNet under None, Round and Sign during training, with and \
               without clipping, and with Tr-StochM3-C",
        paper: &ALEXNET,
        networks: [ALEXNET_ALL.split_at(3).0; 2],
        measures: &[],
        analyses: &[],
    },
    Reproduction {
        name: "merolla2016-figure4",
        what: "Figure 4 of Merolla et al. 2016: errors of AlexNet over the exponent of Power, and beside published networks with \
               binary weights",
        paper: &ALEXNET,
        networks: [ALEXNET_ALL; 2],
        measures: &[POWER],
        analyses: &[],
    },
    Reproduction {
        name: "mcdonnell2018-curves",
        what: "the learning curves of McDonnell 2018: test error at the end of every cycle, with 32 bits and one bit per weight",
        paper: &MCDONNELL,
        networks: [WIDE_CURVES.split_at(4).0, WIDE_CURVES],
        measures: &[],
        analyses: &[],
    },
    Reproduction {
        name: "mcdonnell2018-table",
        what: "the table of McDonnell 2018: CIFAR-10 and CIFAR-100 test errors of wide residual networks with 32 bits and one \
               bit per weight, with flip and crop and with cut-out besides",
        paper: &MCDONNELL,
        networks: [WIDE_ALL.split_at(8).0, WIDE_ALL],
        measures: &[],
        analyses: &[],
    },
];
