//! A drawing as SVG.

use std::fmt::Write;

use super::{Anchor, Drawing, PAPER, RIM, Shape};

/// The part of a drawing below `top`.
pub(super) fn write(d: &Drawing, top: f64) -> String {
    let (w, h) = (d.width, d.height - top);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 {top} {w} {h}\" \
         font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\">\n\
         <rect y=\"{top}\" width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n"
    );
    for shape in &d.shapes {
        out += &element(shape);
        out.push('\n');
    }
    out + "</svg>\n"
}

fn element(shape: &Shape) -> String {
    match shape {
        Shape::Line { points, width, dash, color } => {
            let dash = match dash.pattern() {
                [] => String::new(),
                p => format!(" stroke-dasharray=\"{}\"", p.iter().map(f32::to_string).collect::<Vec<_>>().join(" ")),
            };
            let (points, color) = (list(points), color.hex());
            format!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{dash}/>")
        }
        Shape::Area { points, color, opacity } => {
            format!("<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{opacity}\"/>", list(points), color.hex())
        }
        Shape::Rect { at: [x, y], size: [w, h], color } => {
            let (x, y, w, h, fill) = (number(*x), number(*y), number(*w), number(*h), color.hex());
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\"/>")
        }
        Shape::Mark { mark, at, radius, color, hollow } => {
            let (fill, rim, width) = if *hollow { (PAPER, *color, RIM) } else { (*color, PAPER, 1.0) };
            let style = format!("fill=\"{}\" stroke=\"{}\" stroke-width=\"{width}\"", fill.hex(), rim.hex());
            let corners = mark.corners(*at, *radius);
            if corners.is_empty() {
                let (x, y, r) = (number(at[0]), number(at[1]), number(*radius));
                return format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" {style}/>");
            }
            format!("<polygon points=\"{}\" {style}/>", list(&corners))
        }
        Shape::Text { text, at: [x, y], size, anchor, angle, color } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let (x, y) = (number(*x), number(*y));
            let turn = if *angle == 0.0 { String::new() } else { format!(" transform=\"rotate({angle} {x} {y})\"") };
            let (fill, text) = (color.hex(), escape(text));
            format!(
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{fill}\"{turn}>{text}</text>"
            )
        }
    }
}

/// A position to a hundredth of a pixel.
fn number(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

fn list(points: &[[f64; 2]]) -> String {
    let mut out = String::new();
    for [x, y] in points {
        let _ = write!(out, "{}{},{}", if out.is_empty() { "" } else { " " }, number(*x), number(*y));
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
