//! Numbers of four lanes with bounds of what a device may make of them, and what WGSL does with them: see
//! [`super::program`].

/// Unit roundoff of f32.
pub(super) const U: f64 = 1.0 / (1u64 << 24) as f64;
/// A device may take numbers below this for 0.
const LEAST: f64 = f32::MIN_POSITIVE as f64;
/// A bound of what is not known at all.
pub(super) const OPEN: f64 = 1e30;
/// A value of four lanes.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// Floats, and how far a device may be from each.
    F32([f32; 4], [f64; 4]),
    /// Unsigned integers.
    U32([u32; 4]),
    /// Signed integers.
    I32([i32; 4]),
    /// Decisions, and whether every device makes each alike.
    Bool([bool; 4], [bool; 4]),
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // as WGSL has them
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// Functions of WGSL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // as WGSL has them
pub enum Math {
    Abs,
    Min,
    Max,
    Clamp,
    Saturate,
    Sign,
    Floor,
    Ceil,
    Round,
    Trunc,
    Fract,
    Sqrt,
    InverseSqrt,
    Exp,
    Exp2,
    Log,
    Log2,
    Pow,
    Sin,
    Cos,
    Tanh,
    Fma,
    Mix,
    Step,
}

impl Value {
    pub(super) fn lanes(self, order: [usize; 4]) -> Value {
        match self {
            Value::F32(v, e) => Value::F32(order.map(|i| v[i]), order.map(|i| e[i])),
            Value::U32(v) => Value::U32(order.map(|i| v[i])),
            Value::I32(v) => Value::I32(order.map(|i| v[i])),
            Value::Bool(v, s) => Value::Bool(order.map(|i| v[i]), order.map(|i| s[i])),
        }
    }

    /// Lane i from value i, all of one type.
    pub(super) fn of_lanes(from: [Value; 4]) -> Value {
        let mut all = from[0];
        for (i, value) in from.iter().enumerate() {
            match (&mut all, value) {
                (Value::F32(v, e), Value::F32(w, f)) => (v[i], e[i]) = (w[i], f[i]),
                (Value::U32(v), Value::U32(w)) => v[i] = w[i],
                (Value::I32(v), Value::I32(w)) => v[i] = w[i],
                (Value::Bool(v, s), Value::Bool(w, t)) => (v[i], s[i]) = (w[i], t[i]),
                _ => unreachable!("one type"),
            }
        }
        all
    }
}

/// How far a device may be from the rounded `exact`, whose operands bring `before`; `ulps` of its own, unless it is exact.
pub(super) fn off(exact: f64, before: f64, ulps: f64) -> f64 {
    let held = f64::from(exact as f32) == exact;
    let least = if exact != 0.0 && exact.abs() < 2.0 * LEAST { LEAST } else { 0.0 };
    before + least + if held { 0.0 } else { ulps * 2.0 * U * exact.abs() }
}

fn lanewise(a: Value, b: Value, f: impl Fn([f64; 2], [f64; 2]) -> (f64, f64)) -> Value {
    let (Value::F32(va, ea), Value::F32(vb, eb)) = (a, b) else { unreachable!("floats") };
    let all: [(f64, f64); 4] = std::array::from_fn(|i| f([va[i].into(), ea[i]], [vb[i].into(), eb[i]]));
    Value::F32(all.map(|(v, _)| v as f32), all.map(|(_, e)| if e.is_nan() { OPEN } else { e }))
}

pub(super) fn add(a: Value, b: Value) -> Value {
    lanewise(a, b, |[a, ea], [b, eb]| {
        // f64 may round a sum, too, but no more than f32 does.
        (a + b, off(a + b, ea + eb, 0.5))
    })
}

pub(super) fn multiply(a: Value, b: Value) -> Value {
    // Exact in f64; behind it a sum may be fused.
    lanewise(a, b, |[a, ea], [b, eb]| (a * b, off(a * b, a.abs() * eb + b.abs() * ea + ea * eb, 0.5)))
}

pub(super) fn compare(op: Binary, a: Value, b: Value) -> Value {
    let holds = |order: std::cmp::Ordering| match op {
        Binary::Equal => order.is_eq(),
        Binary::NotEqual => order.is_ne(),
        Binary::Less => order.is_lt(),
        Binary::LessEqual => order.is_le(),
        Binary::Greater => order.is_gt(),
        _ => order.is_ge(),
    };
    match (a, b) {
        (Value::F32(va, ea), Value::F32(vb, eb)) => {
            let one = |i: usize| va[i].partial_cmp(&vb[i]).map_or(op == Binary::NotEqual, holds);
            let sure = |i: usize| {
                let both = ea[i] + eb[i];
                both == 0.0 || (f64::from(va[i]) - f64::from(vb[i])).abs() > both
            };
            Value::Bool(std::array::from_fn(one), std::array::from_fn(sure))
        }
        (Value::U32(a), Value::U32(b)) => Value::Bool(std::array::from_fn(|i| holds(a[i].cmp(&b[i]))), [true; 4]),
        (Value::I32(a), Value::I32(b)) => Value::Bool(std::array::from_fn(|i| holds(a[i].cmp(&b[i]))), [true; 4]),
        (Value::Bool(a, s), Value::Bool(b, t)) => {
            Value::Bool(std::array::from_fn(|i| holds(a[i].cmp(&b[i]))), std::array::from_fn(|i| s[i] && t[i]))
        }
        _ => unreachable!("one type"),
    }
}

pub(super) fn binary(op: Binary, a: Value, b: Value) -> Value {
    use Binary::*;
    if matches!(op, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual) {
        return compare(op, a, b);
    }
    match (a, b) {
        (Value::F32(..), Value::F32(..)) => match op {
            Add => add(a, b),
            Subtract => lanewise(a, b, |[a, ea], [b, eb]| (a - b, off(a - b, ea + eb, 0.5))),
            Multiply => multiply(a, b),
            Divide => lanewise(a, b, |[a, ea], [b, eb]| {
                let q = a / b;
                // 2.5 ulp even where the quotient is held.
                (q, (ea + q.abs() * eb) / (b.abs() - eb).max(0.0) + 5.0 * U * q.abs() + LEAST)
            }),
            // a - b trunc(a / b), the quotient rounded.
            _ => lanewise(a, b, |[a, ea], [b, eb]| {
                let q = a / b;
                let near = (q - q.round()).abs() <= (ea + q.abs() * eb) / b.abs() + 5.0 * U * q.abs();
                let r = a % b;
                (r, if near { b.abs() + OPEN.min(ea) } else { ea + q.abs() * eb + 4.0 * U * (a.abs() + r.abs()) })
            }),
        },
        (Value::U32(a), Value::U32(b)) => {
            let f = |a: u32, b: u32| match op {
                Add => a.wrapping_add(b),
                Subtract => a.wrapping_sub(b),
                Multiply => a.wrapping_mul(b),
                // As WGSL says.
                Divide => a.checked_div(b).unwrap_or(a),
                Remainder => a.checked_rem(b).unwrap_or(0),
                And => a & b,
                Or => a | b,
                Xor => a ^ b,
                ShiftLeft => a.wrapping_shl(b),
                _ => a.wrapping_shr(b),
            };
            Value::U32(std::array::from_fn(|i| f(a[i], b[i])))
        }
        (Value::I32(a), b) => {
            let b = match b {
                Value::I32(b) => b,
                Value::U32(b) => b.map(|b| b as i32),
                _ => unreachable!("whole numbers"),
            };
            let f = |a: i32, b: i32| match op {
                Add => a.wrapping_add(b),
                Subtract => a.wrapping_sub(b),
                Multiply => a.wrapping_mul(b),
                Divide => a.checked_div(b).unwrap_or(a),
                Remainder => a.checked_rem(b).unwrap_or(0),
                And => a & b,
                Or => a | b,
                Xor => a ^ b,
                ShiftLeft => a.wrapping_shl(b as u32),
                _ => a.wrapping_shr(b as u32),
            };
            Value::I32(std::array::from_fn(|i| f(a[i], b[i])))
        }
        (Value::Bool(a, s), Value::Bool(b, t)) => {
            let f = |a: bool, b: bool| if op == And { a && b } else { a || b };
            Value::Bool(std::array::from_fn(|i| f(a[i], b[i])), std::array::from_fn(|i| s[i] && t[i]))
        }
        _ => unreachable!("operands of one type"),
    }
}

/// A function of one float that rises or falls without a turn within the error of its operand, to the precision that WGSL
/// grants it.
fn unary(a: Value, f: impl Fn(f64) -> f64, own: impl Fn(f64, f64) -> f64) -> Value {
    lanewise(a, a, |[x, e], _| {
        let y = f(x);
        let moved = if e == 0.0 { 0.0 } else { (f(x + e) - y).abs().max((f(x - e) - y).abs()) };
        let least = if y != 0.0 && y.abs() < 2.0 * LEAST { LEAST } else { 0.0 };
        (y, moved + own(x, y) + least)
    })
}

pub(super) fn math(f: Math, operands: &[Value]) -> Value {
    let a = operands[0];
    // Of whole numbers these alone are turned.
    match (f, operands) {
        (Math::Abs, [Value::I32(v)]) => return Value::I32(v.map(i32::wrapping_abs)),
        (Math::Abs, [Value::U32(v)]) => return Value::U32(*v),
        (Math::Min, [Value::U32(a), Value::U32(b)]) => return Value::U32(std::array::from_fn(|i| a[i].min(b[i]))),
        (Math::Max, [Value::U32(a), Value::U32(b)]) => return Value::U32(std::array::from_fn(|i| a[i].max(b[i]))),
        (Math::Min, [Value::I32(a), Value::I32(b)]) => return Value::I32(std::array::from_fn(|i| a[i].min(b[i]))),
        (Math::Max, [Value::I32(a), Value::I32(b)]) => return Value::I32(std::array::from_fn(|i| a[i].max(b[i]))),
        _ => {}
    }
    let exact = |_: f64, _: f64| 0.0;
    let ulps = |n: f64| move |_: f64, y: f64| n * 2.0 * U * y.abs();
    let log = |x: f64, y: f64| if (0.5..=2.0).contains(&x) { 2f64.powi(-21) } else { 6.0 * U * y.abs() };
    let one = Value::F32([1.0; 4], [0.0; 4]);
    let zero = Value::F32([0.0; 4], [0.0; 4]);
    let least = |a, b| lanewise(a, b, |[a, ea], [b, eb]| (a.min(b), ea.max(eb)));
    let most = |a, b| lanewise(a, b, |[a, ea], [b, eb]| (a.max(b), ea.max(eb)));
    match f {
        Math::Abs => unary(a, f64::abs, exact),
        Math::Min => least(a, operands[1]),
        Math::Max => most(a, operands[1]),
        Math::Clamp => least(most(a, operands[1]), operands[2]),
        Math::Saturate => least(most(a, zero), one),
        Math::Sign => unary(a, |x| if x == 0.0 { 0.0 } else { x.signum() }, exact),
        Math::Floor => unary(a, f64::floor, exact),
        Math::Ceil => unary(a, f64::ceil, exact),
        Math::Round => unary(a, f64::round_ties_even, exact),
        Math::Trunc => unary(a, f64::trunc, exact),
        Math::Fract => unary(a, |x| x - x.floor(), ulps(1.0)),
        Math::Sqrt => unary(a, |x| x.max(0.0).sqrt() + if x < 0.0 { f64::NAN } else { 0.0 }, ulps(4.0)),
        Math::InverseSqrt => unary(a, |x| 1.0 / x.sqrt(), ulps(2.0)),
        Math::Exp => unary(a, f64::exp, |x, y| (3.0 + 2.0 * x.abs()) * 2.0 * U * y),
        Math::Exp2 => unary(a, f64::exp2, |x, y| (3.0 + 2.0 * x.abs()) * 2.0 * U * y),
        Math::Log => unary(a, f64::ln, log),
        Math::Log2 => unary(a, f64::log2, log),
        Math::Sin => unary(a, f64::sin, |x, _| if x.abs() <= std::f64::consts::PI { 2f64.powi(-11) } else { OPEN }),
        Math::Cos => unary(a, f64::cos, |x, _| if x.abs() <= std::f64::consts::PI { 2f64.powi(-11) } else { OPEN }),
        Math::Tanh => unary(a, f64::tanh, |_, y| 1e-5 + 8.0 * U * y.abs()),
        Math::Pow => {
            let exponent = multiply(operands[1], math(Math::Log2, &[a]));
            let Value::F32(power, error) = math(Math::Exp2, &[exponent]) else { unreachable!("floats") };
            // The steps bound the error; the value is the power itself.
            let Value::F32(value, _) = lanewise(a, operands[1], |[a, _], [b, _]| (a.powf(b), 0.0)) else {
                unreachable!()
            };
            let apart = |i: usize| (f64::from(power[i]) - f64::from(value[i])).abs();
            Value::F32(
                value,
                std::array::from_fn(|i| if value[i] == power[i] { error[i] } else { error[i] + apart(i) }),
            )
        }
        Math::Fma => add(multiply(a, operands[1]), operands[2]),
        Math::Mix => {
            let left = binary(Binary::Subtract, one, operands[2]);
            add(multiply(a, left), multiply(operands[1], operands[2]))
        }
        Math::Step => {
            let Value::Bool(holds, sure) = compare(Binary::LessEqual, a, operands[1]) else {
                unreachable!("a decision")
            };
            Value::F32(holds.map(|h| f32::from(u8::from(h))), sure.map(|sure| f64::from(u8::from(!sure))))
        }
    }
}
