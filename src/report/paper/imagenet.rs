//! What is published of the AlexNet of Merolla et al. 2016, section 4.2, and of those with binary weights that it compares with, as
//! data: the values that ours are shown beside.

/// Where the numbers come from.
pub const SOURCE: &str = "P. Merolla et al., arXiv:1606.01981, 2016, section 4.2: top-5 errors after 20,000 and 100,000 iterations; \
                          binary weights and full precision: M. Rastegari, V. Ordonez, J. Redmon, A. Farhadi: XNOR-Net, \
                          arXiv:1603.05279, 2016";

/// The data sets on which its presets are these networks: ImageNet, or another set of pictures in folders.
pub const SETS: [&str; 2] = ["imagenet", "folder"];

/// A network.
#[derive(Debug, PartialEq)]
pub struct Net {
    /// As it is written.
    pub name: &'static str,
    /// Name of the preset that is this network, if one is.
    preset: Option<&'static str>,
    /// Errors.
    pub errors: &'static [Published],
}

/// A published error on ImageNet's validation images, centre crops, per cent.
#[derive(Debug, PartialEq)]
pub struct Published {
    /// What the weights go through in the test.
    pub distortion: &'static str,
    /// Iterations trained; none: all.
    pub steps: Option<u64>,
    /// The first guess is wrong.
    pub top1: Option<f64>,
    /// Five guesses are wrong.
    pub top5: f64,
}

const fn top5(distortion: &'static str, steps: u64, top5: f64) -> Published {
    Published { distortion, steps: Some(steps), top1: None, top5 }
}

const fn whole(distortion: &'static str, top1: f64, top5: f64) -> Published {
    Published { distortion, steps: None, top1: Some(top1), top5 }
}

/// The networks: those of figure 3, then those of the table of figure 4.
pub const NETS: [Net; 6] = [
    Net {
        name: "Tr-None-NC",
        preset: Some("tr-none-nc"),
        errors: &[top5("none", 20_000, 28.1), top5("none", 100_000, 22.5)],
    },
    Net {
        name: "Tr-None-C",
        preset: Some("tr-none-c"),
        errors: &[top5("none", 20_000, 35.0), top5("round", 20_000, 34.7), top5("sign", 20_000, 40.5)],
    },
    Net { name: "Tr-StochM3-C", preset: Some("tr-stochm3-c"), errors: &[] },
    Net { name: "BWN", preset: Some("bwn"), errors: &[whole("bwn except conv1 fc8", 43.2, 20.6)] },
    Net { name: "BinaryConnect", preset: Some("binaryconnect"), errors: &[whole("sign", 64.6, 39.0)] },
    Net { name: "full precision", preset: None, errors: &[whole("none", 43.4, 19.8)] },
];

impl Net {
    /// The preset that is this network.
    pub fn preset(&self) -> Option<String> {
        self.preset.map(|name| format!("merolla2016/imagenet/{name}"))
    }

    /// What is published under a distortion after so many iterations, or else at the end.
    pub fn error(&self, distortion: &str, steps: u64) -> Option<&Published> {
        let under = || self.errors.iter().filter(|e| e.distortion == distortion);
        under().find(|e| e.steps == Some(steps)).or_else(|| under().next())
    }
}

/// The network that a preset of this name is, on a set of [`SETS`].
pub fn find(preset: &str) -> Option<&'static Net> {
    NETS.iter().find(|n| n.preset == Some(preset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::preset::Preset;

    #[test]
    fn every_network_with_a_preset_comes_with_the_program_and_is_tested_as_published() {
        for net in NETS.iter().filter(|n| n.preset.is_some()) {
            let preset = Preset::load(net.preset().unwrap(), &[]).unwrap();
            assert_eq!(find(&preset.name), Some(net));
            assert_eq!((preset.data.set.as_str(), preset.width, preset.batch), ("imagenet", 1.0, 512));
            for published in net.errors {
                assert!(preset.eval.distort.iter().any(|d| d == published.distortion), "{}", net.name);
            }
        }
        assert_eq!(NETS[0].error("none", 100_000).map(|e| e.top5), Some(22.5));
        assert_eq!(NETS[0].error("none", 7).map(|e| e.top5), Some(28.1));
        assert_eq!(NETS[0].error("sign", 7), None);
    }
}
