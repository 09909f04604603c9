//! Pieces of HTML.

use crate::figure::Drawing;

/// Text so that it stands as it is in elements and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // Controls are not allowed in HTML.
            c if c.is_control() && !c.is_whitespace() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A drawing within the page: SVG as the address of an image, so that a text browser shows the description instead of
/// the letters of axes and legends in a row. What lies above `top` is left out.
pub fn image(drawing: &Drawing, top: f64, description: &str) -> String {
    let mut address = String::from("data:image/svg+xml;charset=utf-8,");
    for c in drawing.svg_below(top).chars() {
        match c {
            '%' => address += "%25",
            '#' => address += "%23",
            '"' => address.push('\''),
            '<' => address += "%3C",
            '>' => address += "%3E",
            '&' => address += "%26",
            '\n' => {}
            c => address.push(c),
        }
    }
    let [w, h] = drawing.size();
    let h = h - top;
    format!("<img src=\"{}\" width={w} height={h} alt=\"{}\">", address, escape(description))
}

/// What opens on a click.
pub fn details(summary: &str, content: &str) -> String {
    format!("<details>\n<summary>{}</summary>\n{content}</details>\n", escape(summary))
}

/// A text in fixed type.
pub fn code(text: &str) -> String {
    format!("<pre><code>{}</code></pre>\n", escape(text))
}

/// Letters, digits and hyphens of a text, for names of files and anchors.
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' => out.push(c),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    let out = out.trim_matches(['-', '.']);
    if out.is_empty() { "x".into() } else { out.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Anchor, INK};

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        assert_eq!(escape("<b a='\"&\u{1}"), "&lt;b a=&#39;&quot;&amp;\u{fffd}");
        assert_eq!(slug("Tr-None (a/../b: C)"), "tr-none-a-..-b-c");
        assert_eq!(slug("../"), "x");
        assert_eq!(details("<", "<p>").matches("&lt;").count(), 1);
    }

    #[test]
    fn an_image_is_one_attribute_whatever_its_texts_are() {
        let mut d = Drawing::new(10, 10);
        d.text("50% \"of\" #1 <&>'", [0.0, 0.0], 8.0, Anchor::Start, INK);
        let html = image(&d, 0.0, "a \"b\"");
        assert_eq!(html.matches('"').count(), 4, "{html}");
        assert!(html.contains("50%25 %26quot;of%26quot; %231 %26lt;%26amp;%26gt;"), "{html}");
    }
}
