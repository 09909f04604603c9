//! From the shapes of layers to layers: those that share kernels become one.

use super::spec::{LayerShape, Spec};
use super::{BatchNorm, Conv2d, ConvRelu, Layer, Layers, MaxPool, NormRelu, Relu};

/// What building the layers of a network takes and finds out.
#[derive(Default)]
pub struct Build {
    /// Added to variances.
    pub epsilon: f32,
    /// Whether batch norms learn gamma and beta where the layer does not say.
    pub learned: bool,
    /// Dropout layers so far: each has draws of its own.
    pub dropouts: u32,
    /// Batch norms so far: name, channels, and whether it sees one value of a channel per image.
    pub normalised: Vec<(String, usize, bool)>,
    /// For every linear layer's weight: rows, columns, channels of the map that it flattens.
    pub flattened: Vec<(String, [usize; 3])>,
}

impl Build {
    /// The layers of these shapes.
    pub fn layers(&mut self, shapes: &[LayerShape]) -> Layers {
        let mut out: Layers = vec![];
        let mut rest = shapes;
        while let Some(shape) = rest.first() {
            let (layer, taken) = self.fused(rest).unwrap_or_else(|| (self.single(shape, rest.get(1)), 1));
            out.push(layer);
            rest = &rest[taken..];
        }
        out
    }

    fn single(&mut self, shape: &LayerShape, next: Option<&LayerShape>) -> Box<dyn Layer> {
        if let (Spec::Conv2d(conv), Some(Spec::BatchNorm(_))) = (&shape.spec, next.map(|n| &n.spec)) {
            return Box::new(Conv2d { before_norm: true, ..conv.layer(shape) });
        }
        shape.spec.kind().build(shape, self)
    }

    /// The layers at the beginning of `shapes` that share kernels, as one, and how many they are.
    fn fused(&mut self, shapes: &[LayerShape]) -> Option<(Box<dyn Layer>, usize)> {
        let relu_at = |at: usize| {
            let shape = shapes.get(at)?;
            matches!(shape.spec, Spec::Relu(_)).then(|| Relu { name: shape.name.clone() })
        };
        let weighted = match &shapes.first()?.spec {
            Spec::Linear(linear) if linear.bias => Some(linear.layer(&shapes[0])),
            Spec::Conv2d(conv) if conv.bias => Some(conv.layer(&shapes[0])),
            _ => None,
        };
        if let (Some(conv), Some(relu)) = (weighted, relu_at(1)) {
            if let Spec::Linear(_) = shapes[0].spec {
                self.flattened.push((conv.weight(), shapes[0].input));
            }
            return Some((Box::new(ConvRelu { conv, relu }), 2));
        }
        let pool = pool_of(&shapes[0]).filter(|p| p.geometry.tiles());
        let at = usize::from(pool.is_some());
        let relu = relu_at(at + 1)?;
        let Spec::BatchNorm(norm) = &shapes[at].spec else { return None };
        let norm: BatchNorm = norm.layer(&shapes[at], self);
        let reader = shapes.get(at + 2).and_then(|s| match &s.spec {
            Spec::Conv2d(conv) => Some(conv.layer(s)),
            Spec::Linear(linear) => Some(linear.layer(s)),
            _ => None,
        });
        Some((Box::new(NormRelu { pool, norm, relu, reader }), at + 2))
    }
}

fn pool_of(shape: &LayerShape) -> Option<MaxPool> {
    match &shape.spec {
        Spec::MaxPool(pool) => Some(pool.layer(shape)),
        _ => None,
    }
}
