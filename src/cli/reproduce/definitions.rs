//! The reproductions as data: which networks, how they are trained, what is measured of them. The rest of the program
//! knows none of this.

use clap::ValueEnum;

/// How large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// Width 0.125, 10,000 training images, 20 epochs: an hour or two on two CPU cores
    Mini,
    /// As the paper: for a GPU
    Full,
}

/// What a scale sets.
pub struct Setting {
    /// The word on the command line.
    pub name: &'static str,
    /// Keys of every preset that it changes.
    pub sets: &'static [&'static str],
    /// What differs from the paper, a line each.
    pub differs: &'static [&'static str],
}

impl Scale {
    /// What it sets. Both test under None and Sign every two epochs (figure 1B), with moments from fewer batches than a
    /// final test takes.
    pub fn setting(self) -> Setting {
        match self {
            Scale::Mini => Setting {
                name: "mini",
                sets: &[
                    "width=0.125",
                    "data.train=10000",
                    "epochs=20",
                    "eval.distort=[\"none\",\"sign\"]",
                    "eval.every=2",
                    "eval.moments_batches=40",
                ],
                differs: &[
                    "an eighth of the channels: 204,208 weights in layers of 16 to 128 channels, not 12,973,440",
                    "the first 10,000 training images of 50,000 (whitening is fitted to all)",
                    "20 epochs of 500; the learning rate falls over these 20",
                    "sweeps test the first 5,000 images of 10,000, with moments from 50 batches, two draws and wider steps",
                    "errors are some 20 to 30 points higher than the paper's, most for Tr-Stoch-C, which learns slowest; what can \
                     be compared is what a distortion does to each network",
                ],
            },
            Scale::Full => Setting {
                name: "full",
                sets: &[
                    "eval.distort=[\"none\",\"sign\"]",
                    "eval.every=2",
                    "eval.moments_batches=200",
                    "eval.batch=250",
                ],
                differs: &[],
            },
        }
    }
}

/// What differs from the paper, or is not said in it, at every scale.
pub const DIFFERS: &[&str] = &[
    "one seed per network; the paper does not say how many it averages",
    "the decay of the learning rate, the epsilon of batch norm, the images held out (none here), and the training batches \
     that moments are averaged over are not in the paper: [U] in models/README.md",
];

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
    /// Presets of the networks.
    pub networks: &'static [&'static str],
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

/// Every reproduction. Those of one scale share their runs, if they share `--out`.
pub const REPRODUCTIONS: &[Reproduction] = &[
    Reproduction {
        name: "merolla2016-table2",
        what: "Table 2 of Merolla et al. 2016: CIFAR-10 test error of six networks under None, Sign and Round; and the sweep \
               over additive noise",
        networks: SIX,
        measures: &[TESTS, SIGMA],
        analyses: &[BITS],
    },
    Reproduction {
        name: "merolla2016-figure1",
        what: "Figure 1 of Merolla et al. 2016: test error under None and Sign during training, distance and correlation of \
               weights and signs by layer; of the network without clipping, of the one with, and of one that projects too",
        networks: &[
            "merolla2016/cifar10/tr-none-nc",
            "merolla2016/cifar10/tr-none-c",
            "merolla2016/cifar10/tr-stochm-c",
        ],
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
        networks: SIX,
        measures: &[TESTS, SIGMA, GAMMA_AND_BETA],
        analyses: &[HISTOGRAMS, BITS],
    },
];
