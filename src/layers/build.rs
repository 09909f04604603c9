//! From the shapes of layers to layers: those that share kernels become one.

use std::any::Any;

use super::kind::{Build, Kind, LayerShape};
use super::{Conv2d, ConvRelu, Layer, Layers, MaxPool, NormRelu, Relu, batchnorm, conv2d, linear, maxpool, relu};

/// The layers of these shapes.
pub fn layers(shapes: &[LayerShape], build: &mut Build) -> Layers {
    let mut out: Layers = vec![];
    let mut rest = shapes;
    let before_norm = build.before_norm; // behind the last
    while let Some(shape) = rest.first() {
        build.before_norm = rest.get(1).map_or(before_norm, begins_with_norm);
        let (layer, taken) = fused(rest, build).unwrap_or_else(|| (shape.kind.build(shape, build), 1));
        out.push(layer);
        rest = &rest[taken..];
    }
    out
}

/// What the preset says of a layer of one kind.
fn of<K: Kind>(shape: &LayerShape) -> Option<&K> {
    let kind: &dyn Any = &*shape.kind;
    kind.downcast_ref()
}

/// Whether the first to read its input is a batch norm, if it is a residual block that of its body.
fn begins_with_norm(shape: &LayerShape) -> bool {
    of::<batchnorm::Spec>(shape).is_some() || shape.body.first().is_some_and(begins_with_norm)
}

/// A convolution or linear layer.
fn convolution(shape: &LayerShape) -> Option<Conv2d> {
    let linear = || of::<linear::Spec>(shape).map(|linear| linear.layer(shape));
    of::<conv2d::Spec>(shape).map(|conv| conv.layer(shape, false)).or_else(linear)
}

/// The layers at the beginning of `shapes` that share kernels, as one, and how many they are.
fn fused(shapes: &[LayerShape], build: &mut Build) -> Option<(Box<dyn Layer>, usize)> {
    let relu_at = |at: usize| {
        let shape = shapes.get(at)?;
        of::<relu::Spec>(shape).map(|_| Relu { name: shape.name.clone() })
    };
    let first = shapes.first()?;
    if let (Some(conv), Some(relu)) = (convolution(first).filter(|c| c.bias.is_some()), relu_at(1)) {
        build.flattened.extend(conv.flattens.map(|map| (conv.weight(), map)));
        return Some((Box::new(ConvRelu { conv, relu }), 2));
    }
    let pool: Option<MaxPool> = of::<maxpool::Spec>(first).map(|pool| pool.layer(first)).filter(|p| p.geometry.tiles());
    let at = usize::from(pool.is_some());
    let relu = relu_at(at + 1)?;
    let norm = of::<batchnorm::Spec>(&shapes[at])?.layer(&shapes[at], build);
    let reader = shapes.get(at + 2).and_then(convolution);
    Some((Box::new(NormRelu { pool, norm, relu, reader }), at + 2))
}
