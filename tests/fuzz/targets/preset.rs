//! Presets, as a file or a checkpoint brings them: read, changed, written, shown, and planned against a limit of memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weightproof::model::preset::{Preset, embedded};
use weightproof::model::{Network, Placement};
use weightproof::plan::Target;
use weightproof::session::memory::check_within;
use weightproof_fuzz::{head, seed, within};

/// Layers of a network that is planned, at most: what a plan takes grows with them.
const MOST_LAYERS: usize = 64;

fuzz_target!(init: seed("preset", seeds()), |input: &[u8]| {
    let ([rows, columns, channels, powers], text) = head(input);
    let Ok(text) = str::from_utf8(text) else { return };
    // The preset, then changes of keys.
    let mut parts = text.split('\0').map(str::to_owned);
    let text = parts.next().unwrap_or_default();
    let sets: Vec<String> = parts.collect();
    let side = |n: u8, by: u8| usize::from(n) << (8 * by);
    let input = [side(rows, powers & 7), side(columns, powers >> 3 & 1), side(channels, powers >> 4 & 7)];
    // Layers are written out, and a repetition is a few bytes.
    within((64 << 20) + 256 * text.len(), || {
        let Ok(preset) = Preset::from_toml(&text) else { return };
        let again = Preset::from_toml(&preset.to_toml()).expect("what is written can be read");
        assert_eq!(again, preset, "what is written is what was read");
        let preset = preset.with(&sets).unwrap_or(preset);
        let _ = preset.describe(Some(input));
        let Ok(network) = Network::without_data(&preset, input) else { return };
        if network.layers.len() <= MOST_LAYERS {
            let _ = check_within(&preset, &network, &Target::baseline(), &Placement::Uploaded, 1 << 30);
        }
    });
});

/// The presets of the program, on small images.
fn seeds() -> impl Iterator<Item = Vec<u8>> {
    embedded::names().filter_map(|name| {
        let preset = Preset::load(name, &[]).ok()?;
        Some([&[32, 32, 3, 0], preset.to_toml().as_bytes(), b"\0width=0.125\0lr.initial=0.1"].concat())
    })
}
