//! What McDonnell 2018 reports, as data: the values that ours are shown beside.

/// Where the numbers come from.
pub const SOURCE: &str = "M. D. McDonnell: Training wide residual networks for deployment using a single bit for each weight, \
                          arXiv:1802.08530, 2018, tables 1 to 3; the curves are read from figures, to within 0.02";

/// A wide residual network.
#[derive(Debug, PartialEq)]
pub struct Net {
    /// The data set, which is a folder of presets too.
    pub set: &'static str,
    /// Depth and width.
    pub network: &'static str,
    /// Bits of a weight.
    pub bits: u32,
    /// Whether there is cut-out among the augmentations.
    pub cutout: bool,
    /// Test error after the whole training, per cent.
    pub error: f64,
    /// Epochs and test errors on the way, at the ends of cycles.
    pub curve: &'static [(u64, f64)],
}

const fn net(set: &'static str, network: &'static str, bits: u32, cutout: bool, error: f64) -> Net {
    Net { set, network, bits, cutout, error, curve: &[] }
}

const fn with(net: Net, curve: &'static [(u64, f64)]) -> Net {
    Net { curve, ..net }
}

/// The rows, in the paper's order.
pub const NETS: [Net; 31] = [
    with(
        net("cifar10", "wrn-20-4", 32, false, 5.02),
        &[(2, 24.16), (6, 12.57), (14, 8.46), (30, 6.62), (62, 5.33), (126, 5.25)],
    ),
    with(
        net("cifar10", "wrn-20-10", 32, false, 4.22),
        &[(2, 22.62), (6, 11.17), (14, 7.41), (30, 5.55), (62, 4.53), (126, 4.54), (254, 4.32)],
    ),
    net("cifar10", "wrn-26-10", 32, false, 4.23),
    with(
        net("cifar10", "wrn-20-4", 1, false, 6.13),
        &[(2, 26.99), (6, 15.08), (14, 9.93), (30, 7.39), (62, 6.31), (126, 5.59)],
    ),
    with(
        net("cifar10", "wrn-20-10", 1, false, 4.72),
        &[(2, 24.43), (6, 12.39), (14, 7.88), (30, 6.14), (62, 5.28), (126, 4.97), (254, 4.65)],
    ),
    net("cifar10", "wrn-26-10", 1, false, 4.46),
    with(
        net("cifar100", "wrn-20-4", 32, false, 21.53),
        &[(2, 68.2), (6, 43.64), (14, 30.10), (30, 24.36), (62, 22.76), (126, 22.03)],
    ),
    net("cifar100", "wrn-20-10", 32, false, 18.76),
    net("cifar100", "wrn-26-10", 32, false, 18.63),
    with(
        net("cifar100", "wrn-20-4", 1, false, 23.87),
        &[(2, 72.8), (6, 51.96), (14, 36.05), (30, 28.83), (62, 25.58), (126, 24.06)],
    ),
    net("cifar100", "wrn-20-10", 1, false, 19.35),
    net("cifar100", "wrn-26-10", 1, false, 18.94),
    net("cifar10", "wrn-20-4", 32, true, 4.39),
    net("cifar10", "wrn-20-10", 32, true, 3.46),
    net("cifar10", "wrn-26-10", 32, true, 3.54),
    net("cifar10", "wrn-20-4", 1, true, 5.34),
    net("cifar10", "wrn-20-10", 1, true, 3.92),
    net("cifar10", "wrn-26-10", 1, true, 3.41),
    net("cifar100", "wrn-20-4", 32, true, 20.48),
    net("cifar100", "wrn-20-10", 32, true, 17.19),
    net("cifar100", "wrn-26-10", 32, true, 17.22),
    net("cifar100", "wrn-20-4", 1, true, 23.74),
    net("cifar100", "wrn-20-10", 1, true, 18.51),
    net("cifar100", "wrn-26-10", 1, true, 18.50),
    net("svhn", "wrn-20-4", 32, false, 1.75),
    net("svhn", "wrn-20-4", 1, false, 1.93),
    with(net("mnist", "wrn-20-4", 32, false, 0.28), &[(1, 0.71), (6, 0.28)]),
    with(net("mnist", "wrn-20-4", 1, false, 0.27), &[(1, 0.81), (6, 0.36), (14, 0.27)]),
    net("imagenet32", "wrn-20-10", 32, false, 39.96),
    net("imagenet32", "wrn-20-10", 1, false, 44.27),
    net("imagenet32", "wrn-26-10", 1, false, 41.36),
];

impl Net {
    /// Name of the preset in runs.
    pub fn name(&self) -> String {
        format!("{}-{}bit{}", self.network, self.bits, if self.cutout { "-cutout" } else { "" })
    }

    /// The preset that is this network.
    pub fn preset(&self) -> String {
        format!("mcdonnell2018/{}/{}", self.set, self.name())
    }

    /// What the network is tested under: the projection of training.
    pub fn distortion(&self) -> &'static str {
        if self.bits == 1 { "he-sign" } else { "none" }
    }

    /// The error after so many epochs, if the paper shows it.
    pub fn after(&self, epochs: u64) -> Option<f64> {
        self.curve.iter().find(|(at, _)| *at == epochs).map(|(_, error)| *error)
    }
}

/// The paper's network that a preset of this name is, trained on this data set.
pub fn find(set: &str, preset: &str) -> Option<&'static Net> {
    NETS.iter().find(|n| n.set == set && n.name() == preset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::preset::Preset;

    #[test]
    fn every_row_is_a_preset_that_comes_with_the_program() {
        for net in &NETS {
            let preset = Preset::load(net.preset(), &[]).unwrap();
            assert_eq!(find(&preset.data.set, &preset.name), Some(net));
            assert_eq!(preset.eval.distort, [net.distortion()]);
            assert_eq!((preset.projection.as_str() == "he-sign", preset.width), (net.bits == 1, 1.0));
            assert_eq!(preset.augment.cutout.is_some(), net.cutout);
            // The paper's curves end where its training does.
            if let (Some((last, _)), "cifar10" | "cifar100") = (net.curve.last(), net.set) {
                assert_eq!(*last, preset.epochs, "{}", net.preset());
            }
        }
        assert_eq!(find("svhn", "wrn-20-10-1bit"), None);
        assert_eq!(NETS[3].after(6), Some(15.08));
        assert_eq!(NETS[3].after(7), None);
    }
}
