//! What Merolla et al. 2016 report for CIFAR-10, as data: the values that ours are shown beside.

pub mod imagenet;
pub mod wide;

/// Where the numbers come from.
pub const SOURCE: &str = "P. Merolla, R. Appuswamy, J. Arthur, S. K. Esser, D. Modha: Deep neural networks are robust to \
                          weight binarization and other non-linear distortions, arXiv:1606.01981, 2016, Table 2 (CIFAR-10)";

/// A row of Table 2: test errors in per cent.
#[derive(Debug, PartialEq)]
pub struct Net {
    /// As the paper writes it.
    pub name: &'static str,
    /// The preset that is this network, if one is; its last part is the name of the preset in runs.
    pub preset: Option<&'static str>,
    /// Under the weights as they are.
    pub none: Option<f64>,
    /// Under `sign`.
    pub sign: Option<f64>,
    /// Under `round`.
    pub round: Option<f64>,
    /// Other points that the text gives: distortion and error.
    pub more: &'static [(&'static str, f64)],
}

const fn net(name: &'static str, preset: &'static str, [none, sign, round]: [f64; 3]) -> Net {
    Net { name, preset: Some(preset), none: Some(none), sign: Some(sign), round: Some(round), more: &[] }
}

/// The rows, in the paper's order.
pub const NETS: [Net; 9] = [
    net("Tr-None-NC", "merolla2016/cifar10/tr-none-nc", [11.35, 14.92, 90.0]),
    net("Tr-None-C", "merolla2016/cifar10/tr-none-c", [9.97, 11.32, 11.2]),
    net("Tr-Sign-C", "merolla2016/cifar10/tr-sign-c", [10.64, 9.95, 10.4]),
    Net {
        // Section 4.1: 11% at sigma 0.55, 0.68 bits per weight.
        more: &[("addnorm:0.55", 11.0)],
        ..net("Tr-Stoch-C", "merolla2016/cifar10/tr-stoch-c", [8.12, 8.38, 8.36])
    },
    net("Tr-Power-C", "merolla2016/cifar10/tr-power-c", [10.3, 10.6, 10.2]),
    net("Tr-StochM-C", "merolla2016/cifar10/tr-stochm-c", [7.64, 8.25, 7.88]),
    Net {
        name: "NiN-ctrl",
        preset: Some("nin/cifar10/nin-ctrl"),
        none: Some(10.4),
        sign: None,
        round: None,
        more: &[],
    },
    Net { name: "BC-Sign", preset: None, none: None, sign: Some(9.90), round: None, more: &[] },
    Net { name: "BC-Stoch", preset: None, none: Some(8.27), sign: None, round: None, more: &[] },
];

impl Net {
    /// The error that the paper gives under a distortion.
    pub fn error(&self, distortion: &str) -> Option<f64> {
        match distortion {
            "none" => self.none,
            "sign" => self.sign,
            "round" => self.round,
            other => self.more.iter().find(|(d, _)| *d == other).map(|(_, e)| *e),
        }
    }

    /// Name of the preset in runs.
    fn name_in_runs(&self) -> Option<&'static str> {
        self.preset.and_then(|p| p.rsplit('/').next())
    }
}

/// The paper's network that a preset of this name is.
pub fn find(preset: &str) -> Option<&'static Net> {
    NETS.iter().find(|n| n.name_in_runs().is_some_and(|p| p.eq_ignore_ascii_case(preset)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::preset::Preset;

    #[test]
    fn presets_are_found_by_name_and_values_by_distortion() {
        let net = find("tr-stoch-c").unwrap();
        assert_eq!(net.name, "Tr-Stoch-C");
        let errors = ["none", "sign", "round", "addnorm:0.55", "addnorm:0.5"].map(|d| net.error(d));
        assert_eq!(errors, [Some(8.12), Some(8.38), Some(8.36), Some(11.0), None]);
        assert_eq!(find("digits"), None);
        assert!(NETS.iter().all(|n| n.preset.is_none() || find(&n.name.to_lowercase()) == Some(n)));
    }

    #[test]
    fn the_six_networks_are_presets_that_come_with_the_program() {
        for net in &NETS[..6] {
            let preset = Preset::load(net.preset.unwrap(), &[]).unwrap();
            assert_eq!(find(&preset.name), Some(net));
            assert_eq!((preset.width, preset.epochs, preset.data.set.as_str()), (1.0, 500, "cifar10"));
        }
    }
}
