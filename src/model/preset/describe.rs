//! The shapes of the layers of a preset, and the table that `show --preset` prints.

use std::fmt::Write;

use super::Preset;
use crate::error::{Error, Result};
use crate::layers::LayerShape;
use crate::layers::kind::{MOST_CHANNELS, MOST_PIXELS, MOST_VALUES, Shaping, show, totals, values};
use crate::ranges::thousands;

impl Preset {
    /// The layers for images of `input` rows, columns and channels: names, widths, shapes, weights.
    ///
    /// # Errors
    /// Shapes that do not fit and names that are not unique; the error names layer and shapes.
    pub fn shapes(&self, input: [usize; 3]) -> Result<Vec<LayerShape>> {
        let sides = input[..2].iter().all(|n| (1..=MOST_PIXELS).contains(n));
        if !sides || !(1..=MOST_CHANNELS).contains(&input[2]) || values(input) > MOST_VALUES {
            return Err(Error::layer("input", format!("{} is no shape of an image", show(input))));
        }
        Shaping::new(self.width).layers(&self.layers, input)
    }

    /// The preset in words and its layers as a table, for images of `input` rows, columns and channels, if they are known.
    ///
    /// # Errors
    /// As [`Preset::shapes`].
    pub fn describe(&self, input: Option<[usize; 3]>) -> Result<String> {
        let Some(input) = input else {
            return Ok(format!("{}\nThe shape of {} is not known here.\n", self.to_toml(), self.data.set));
        };
        let layers = self.shapes(input)?;
        let (weights, multiply_adds) = totals(&layers);
        let mut rows = vec![["layer", "kind", "output", "weights", "multiply-adds"].map(String::from)];
        rows.push(["input".into(), String::new(), show(input), String::new(), String::new()]);
        list(&layers, 0, &mut rows);
        rows.push(["total".into(), String::new(), String::new(), thousands(weights), thousands(multiply_adds)]);
        let width = |c: usize| rows.iter().map(|r| r[c].len()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        let clip = match self.clip.factor {
            f if f.is_finite() => format!("clip {f}"),
            _ => "no clip".into(),
        };
        let mut text = format!(
            "{}: {}, projection {}, {clip}, batch {}, {} epochs, seed {}\n\n",
            self.name, self.data.set, self.projection, self.batch, self.epochs, self.seed
        );
        for [name, kind, output, weights, multiply_adds] in &rows {
            let [a, b, c, d, e] = widths;
            let line = format!("{name:a$}  {kind:b$}  {output:c$}  {weights:>d$}  {multiply_adds:>e$}");
            writeln!(text, "{}", line.trim_end()).expect("writing to a string");
        }
        Ok(text)
    }
}

fn list(layers: &[LayerShape], depth: usize, rows: &mut Vec<[String; 5]>) {
    for l in layers {
        let number = |n: u64| if n == 0 || !l.body.is_empty() { String::new() } else { thousands(n) };
        let name = format!("{}{}", "  ".repeat(depth), l.name);
        let kind = format!("{} {}", l.kind.called().key, l.kind.size()).trim_end().to_owned();
        rows.push([name, kind, show(l.output), number(l.weights), number(l.multiply_adds)]);
        list(&l.body, depth + 1, rows);
        if !l.shortcut.is_empty() {
            rows.push([
                format!("{}shortcut", "  ".repeat(depth + 1)),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ]);
            list(&l.shortcut, depth + 2, rows);
        }
    }
}
