//! From the shapes of layers to layers: those that share kernels become one.

use std::any::Any;

use super::kind::{Build, Kind, LayerShape};
use super::{Conv2d, ConvRelu, Layer, Layers, MaxPool, NormRelu, Relu, batchnorm, conv2d, linear, maxpool, relu};

/// The layers of these shapes.
pub fn layers(shapes: &[LayerShape], build: &mut Build) -> Layers {
    let mut out: Layers = vec![];
    let mut rest = shapes;
    while let Some(shape) = rest.first() {
        let (layer, taken) = fused(rest, build).unwrap_or_else(|| (single(shape, rest.get(1), build), 1));
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

fn single(shape: &LayerShape, next: Option<&LayerShape>, build: &mut Build) -> Box<dyn Layer> {
    if let (Some(conv), true) = (of::<conv2d::Spec>(shape), next.is_some_and(|n| of::<batchnorm::Spec>(n).is_some())) {
        return Box::new(Conv2d { before_norm: true, ..conv.layer(shape) });
    }
    shape.kind.build(shape, build)
}

/// A convolution or linear layer.
fn convolution(shape: &LayerShape) -> Option<Conv2d> {
    let linear = || of::<linear::Spec>(shape).map(|linear| linear.layer(shape));
    of::<conv2d::Spec>(shape).map(|conv| conv.layer(shape)).or_else(linear)
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
