//! The number of classes, said once: `classes = 100` stands where a layer is `{ conv2d = "classes", ... }` or
//! `{ linear = "classes", ... }`, so that presets for other data sets can extend one network.

use toml::{Table, Value};

use crate::ranges::Failure;

/// The key, and the word that stands for its value.
const CLASSES: &str = "classes";

/// Puts the value of `classes`, which it takes out, in its places in `layers`. There may be none: layers can be replaced.
///
/// # Errors
/// A place without the key.
pub(super) fn resolve(preset: &mut Table) -> Result<(), Failure> {
    let classes = preset.remove(CLASSES);
    match preset.get_mut("layers").map_or(0, |layers| put(layers, classes.as_ref())) {
        1.. if classes.is_none() => {
            let message = "a layer is { conv2d = \"classes\", ... } or { linear = \"classes\", ... }; say how many there are: \
                           classes = 10";
            Err(Failure::new(["layers"], message))
        }
        _ => Ok(()),
    }
}

/// Puts it in its places in a value, and counts them.
fn put(value: &mut Value, classes: Option<&Value>) -> usize {
    match value {
        Value::Array(items) => items.iter_mut().map(|item| put(item, classes)).sum(),
        Value::Table(layer) => {
            let mut places = 0;
            for (key, value) in layer.iter_mut() {
                if ["conv2d", "linear"].contains(&key.as_str()) && value.as_str() == Some(CLASSES) {
                    places += 1;
                    if let Some(number) = classes {
                        *value = number.clone();
                    }
                } else {
                    places += put(value, classes);
                }
            }
            places
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::model::preset::Preset;

    fn read(classes: &str, out: &str) -> Result<usize, String> {
        let text = format!(
            "name = \"a\"\nbatch = 2\nepochs = 1\nloss = \"softmax_ce\"\nlr = {{ kind = \"constant\", initial = 0.1 }}\n\
             data.set = \"digits\"\n{classes}\nlayers = [ {{ repeat = 1, layers = [ {{ conv2d = {out}, kernel = 1, output = true }} ] }},\n\
             {{ linear = {out}, output = true }} ]"
        );
        let preset = Preset::from_toml(&text).map_err(|e| e.to_string())?;
        assert_eq!(Preset::from_toml(&preset.to_toml()).unwrap(), preset);
        Ok(preset.shapes([8, 8, 1]).unwrap().iter().map(|l| l.output[2]).sum())
    }

    #[test]
    fn the_number_of_classes_is_said_once() {
        assert_eq!(read("classes = 7", "\"classes\"").unwrap(), 14);
        assert_eq!(read("", "3").unwrap(), 6);
        assert_eq!(read("classes = 7", "3").unwrap(), 6);
        for (classes, out, words) in [
            ("", "\"classes\"", "layers: a layer is { conv2d = \"classes\", ... }"),
            ("classes = 0", "\"classes\"", "conv2d: 0 is out of range"),
            ("classes = \"ten\"", "\"classes\"", "conv2d: "),
        ] {
            let said = read(classes, out).unwrap_err();
            assert!(said.contains(words), "\"{words}\" is not in: {said}");
        }
    }
}
