//! A function of WGSL as plain data, and its interpreter in f32: the twin of a user's own projection.
//!
//! Every number has four lanes; a scalar has the same in all. Beside each goes a bound of how far a device may be from it:
//! rounding and fused products, the precision that WGSL grants its functions, and both together behind decisions that they
//! leave open.

use super::normal::normal;
use super::value::{Binary, Math, OPEN, U, Value, add, binary, compare, math, multiply, off};

/// Rounds of loops in a run, at most.
const ROUNDS: u32 = 10_000;

/// What a projection depends on besides the weights: four lanes of `shaders/project/context.wgsl`.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// `alpha`
    pub alpha: [f32; 4],
    /// `quantile`
    pub quantile: f32,
    /// `beta_u`
    pub beta_u: f32,
    /// `p0`, `p1`, `p2`
    pub p: [f32; 3],
    /// `sign_u`, `size_u`, `drop_u`
    pub uniform: [[f32; 4]; 3],
    /// `word`
    pub word: [u32; 4],
}

/// A member of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `alpha`
    Alpha,
    /// `quantile`
    Quantile,
    /// `beta_u`
    BetaU,
    /// `p0`, `p1` or `p2`
    P(usize),
    /// `sign_u`, `size_u` or `drop_u`
    Uniform(usize),
    /// `word`
    Word,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `f32`
    F32,
    /// `u32`
    U32,
    /// `i32`
    I32,
}

/// Functions beside the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helper {
    /// `normal(word)`
    Normal,
    /// `magnitude(c)`
    Magnitude,
    /// `positive(w, c)`
    Positive,
}

/// An expression; operands are positions in [`Program::expressions`].
#[derive(Clone, Debug)]
#[allow(missing_docs)] // as their names say
pub enum Expression {
    Constant(Value),
    Weight,
    Field(Field),
    Load(usize),
    /// A lane of a variable, in all lanes.
    LoadLane(usize, usize),
    /// The lanes from the first operand's in this order.
    Lanes(usize, [usize; 4]),
    /// Lanes from operands of so many each.
    Compose(Vec<(usize, usize)>),
    Negate(usize),
    Not(usize),
    Binary(Binary, usize, usize),
    /// Condition, value where it holds, value elsewhere.
    Select(usize, usize, usize),
    All(usize),
    Any(usize),
    Math(Math, Vec<usize>),
    Convert(Type, usize),
    Bitcast(Type, usize),
    /// What a call leaves, or a pointer.
    Result,
}

/// A statement.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // as their names say
pub enum Statement {
    Evaluate(std::ops::Range<usize>),
    Block(Vec<Statement>),
    If(usize, Vec<Statement>, Vec<Statement>),
    /// Body, what follows each round, and the condition behind that which ends it.
    Loop(Vec<Statement>, Vec<Statement>, Option<usize>),
    Break,
    Continue,
    Return(usize),
    Store(usize, usize),
    /// Variable, lane, value.
    StoreLane(usize, usize, usize),
    /// Function, operand, the expression that stands for the result.
    Call(Helper, Option<usize>, usize),
}

/// A function of the weights and the context.
#[derive(Clone, Debug)]
pub struct Program {
    /// In the order of evaluation.
    pub expressions: Vec<Expression>,
    /// The line of each expression in the file.
    pub lines: Vec<u32>,
    /// What variables begin with.
    pub locals: Vec<Value>,
    /// The body.
    pub body: Vec<Statement>,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The projected weights.
    pub value: [f32; 4],
    /// How far a device may be from each.
    pub error: [f64; 4],
    /// The line of the first value that was not finite; 0 if there is none.
    pub line: u32,
}

enum Flow {
    Next,
    Break,
    Continue,
    Return(Value),
}

struct Run<'a> {
    program: &'a Program,
    w: [f32; 4],
    inputs: &'a Inputs,
    values: Vec<Option<Value>>,
    locals: Vec<Value>,
    /// Lanes of which an open decision made whole numbers, or of the way through the function.
    open: [bool; 4],
    line: u32,
    rounds: u32,
}

impl Program {
    /// The projection of four weights.
    ///
    /// # Errors
    /// The line of a loop that does not end.
    pub fn run(&self, w: [f32; 4], inputs: &Inputs) -> Result<Outcome, u32> {
        let (values, locals) = (vec![None; self.expressions.len()], self.locals.clone());
        let mut run = Run { program: self, w, inputs, values, locals, open: [false; 4], line: 0, rounds: 0 };
        let Flow::Return(Value::F32(value, error)) = run.block(&self.body)? else {
            unreachable!("the function returns floats on every way")
        };
        let error = std::array::from_fn(|i| if run.open[i] { OPEN } else { error[i].min(OPEN) });
        Ok(Outcome { value, error, line: run.line })
    }
}

impl Program {
    /// The value of a constant expression.
    pub fn constant(&self, i: usize) -> Value {
        let zero = [0.0; 4];
        let inputs = Inputs { alpha: zero, quantile: 0.0, beta_u: 0.0, p: [0.0; 3], uniform: [zero; 3], word: [0; 4] };
        let values = vec![None; self.expressions.len()];
        let mut run = Run {
            program: self,
            w: zero,
            inputs: &inputs,
            values,
            locals: vec![],
            open: [false; 4],
            line: 0,
            rounds: 0,
        };
        run.get(i)
    }
}

impl Run<'_> {
    fn block(&mut self, body: &[Statement]) -> Result<Flow, u32> {
        for statement in body {
            match self.statement(statement)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Statement) -> Result<Flow, u32> {
        match statement {
            Statement::Evaluate(range) => {
                for i in range.clone() {
                    let value = self.compute(i);
                    self.values[i] = Some(value);
                }
            }
            Statement::Block(body) => return self.block(body),
            Statement::If(condition, then, otherwise) => {
                let way = if self.decide(*condition) { then } else { otherwise };
                return self.block(way);
            }
            Statement::Loop(body, next, end) => loop {
                self.rounds += 1;
                if self.rounds > ROUNDS {
                    let within = |s: &Statement| match s {
                        Statement::Evaluate(range) => {
                            self.program.lines[range.clone()].iter().copied().find(|line| *line > 0)
                        }
                        _ => None,
                    };
                    return Err(body.iter().find_map(within).unwrap_or(1));
                }
                match self.block(body)? {
                    Flow::Break => break,
                    Flow::Return(value) => return Ok(Flow::Return(value)),
                    Flow::Next | Flow::Continue => {}
                }
                self.block(next)?;
                if end.is_some_and(|end| self.decide(end)) {
                    break;
                }
            },
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Return(value) => return Ok(Flow::Return(self.get(*value))),
            Statement::StoreLane(local, lane, value) => {
                let (now, value) = (self.locals[*local], self.get(*value));
                let pick = |i: usize| if i == *lane { value } else { now };
                self.locals[*local] = Value::of_lanes(std::array::from_fn(pick));
            }
            Statement::Store(local, value) => self.locals[*local] = self.get(*value),
            Statement::Call(helper, operand, result) => {
                let c = self.inputs;
                let field = |value: [f32; 4]| Value::F32(value, [0.0; 4]);
                let [p0, p1] = [c.p[0], c.p[1]].map(|p| field([p; 4]));
                let value = match helper {
                    Helper::Normal => {
                        let Value::U32(word) = self.get(operand.expect("it has one")) else {
                            unreachable!("by its type")
                        };
                        // As the row of AddNorm.
                        let z = word.map(normal);
                        Value::F32(z, z.map(|z| 4.0 * U * (f64::from(z.abs()) + 8.0)))
                    }
                    Helper::Magnitude => add(multiply(field(c.uniform[1]), p1), p0),
                    Helper::Positive => {
                        let signed = field(c.uniform[0].map(|u| 2.0 * u - 1.0));
                        let w = self.get(operand.expect("it has one"));
                        // One product that is rounded once: the same everywhere.
                        let Value::F32(bound, _) = multiply(signed, field(c.alpha)) else { unreachable!("a product") };
                        compare(Binary::Less, field(bound), w)
                    }
                };
                self.note(*result, &value);
                self.values[*result] = Some(value);
            }
        }
        Ok(Flow::Next)
    }

    /// A scalar decision; an open one leaves open what comes of it.
    fn decide(&mut self, condition: usize) -> bool {
        let Value::Bool(holds, sure) = self.get(condition) else { unreachable!("a condition is a bool") };
        if !sure[0] {
            self.open = [true; 4];
        }
        holds[0]
    }

    fn get(&mut self, i: usize) -> Value {
        match self.values[i] {
            Some(value) => value,
            // Constants and arguments are evaluated nowhere.
            None => self.compute(i),
        }
    }

    /// Remembers the line of the first value that is not finite.
    fn note(&mut self, i: usize, value: &Value) {
        if let Value::F32(v, _) = value
            && self.line == 0
            && v.iter().any(|v| !v.is_finite())
        {
            self.line = self.program.lines[i];
        }
    }

    fn compute(&mut self, i: usize) -> Value {
        let program = self.program;
        let c = self.inputs;
        let exact = |value: [f32; 4]| Value::F32(value, [0.0; 4]);
        let value = match &program.expressions[i] {
            Expression::Constant(value) => *value,
            Expression::Weight => exact(self.w),
            Expression::Field(field) => match field {
                Field::Alpha => exact(c.alpha),
                Field::Quantile => exact([c.quantile; 4]),
                Field::BetaU => exact([c.beta_u; 4]),
                Field::P(n) => exact([c.p[*n]; 4]),
                Field::Uniform(n) => exact(c.uniform[*n]),
                Field::Word => Value::U32(c.word),
            },
            Expression::Load(local) => self.locals[*local],
            Expression::LoadLane(local, lane) => self.locals[*local].lanes([*lane; 4]),
            Expression::Lanes(from, order) => self.get(*from).lanes(*order),
            Expression::Compose(parts) => {
                let lanes: Vec<Value> = parts
                    .iter()
                    .flat_map(|(part, width)| (0..*width).map(move |lane| (*part, lane)))
                    .map(|(part, lane)| self.get(part).lanes([lane; 4]))
                    .collect();
                Value::of_lanes(std::array::from_fn(|lane| lanes[lane.min(lanes.len() - 1)]))
            }
            Expression::Negate(a) => match self.get(*a) {
                Value::F32(v, e) => Value::F32(v.map(|v| -v), e),
                Value::I32(v) => Value::I32(v.map(i32::wrapping_neg)),
                other => other,
            },
            Expression::Not(a) => match self.get(*a) {
                Value::Bool(v, sure) => Value::Bool(v.map(|v| !v), sure),
                Value::U32(v) => Value::U32(v.map(|v| !v)),
                Value::I32(v) => Value::I32(v.map(|v| !v)),
                other => other,
            },
            Expression::Binary(op, a, b) => binary(*op, self.get(*a), self.get(*b)),
            Expression::Select(condition, a, b) => {
                let (condition, a, b) = (self.get(*condition), self.get(*a), self.get(*b));
                self.select(condition, a, b)
            }
            Expression::All(a) => self.any(*a, false),
            Expression::Any(a) => self.any(*a, true),
            Expression::Math(f, operands) => {
                let operands: Vec<Value> = operands.iter().map(|o| self.get(*o)).collect();
                math(*f, &operands)
            }
            Expression::Convert(to, a) => {
                let a = self.get(*a);
                self.convert(*to, a)
            }
            Expression::Bitcast(to, a) => {
                let bits = match self.get(*a) {
                    Value::F32(v, e) => {
                        self.leave_open(e.map(|e| e > 0.0));
                        v.map(f32::to_bits)
                    }
                    Value::U32(v) => v,
                    Value::I32(v) => v.map(|v| v as u32),
                    Value::Bool(..) => unreachable!("a bool has no bits"),
                };
                match to {
                    Type::F32 => exact(bits.map(f32::from_bits)),
                    Type::U32 => Value::U32(bits),
                    Type::I32 => Value::I32(bits.map(|b| b as i32)),
                }
            }
            // A pointer; nothing uses its value.
            Expression::Result => self.values[i].unwrap_or(Value::Bool([false; 4], [true; 4])),
        };
        self.note(i, &value);
        value
    }

    fn leave_open(&mut self, lanes: [bool; 4]) {
        (0..4).for_each(|i| self.open[i] |= lanes[i]);
    }

    fn any(&mut self, a: usize, any: bool) -> Value {
        let Value::Bool(v, sure) = self.get(a) else { unreachable!("of bools") };
        let holds = if any { v.contains(&true) } else { !v.contains(&false) };
        Value::Bool([holds; 4], [!sure.contains(&false); 4])
    }

    fn select(&mut self, condition: Value, a: Value, b: Value) -> Value {
        let Value::Bool(holds, sure) = condition else { unreachable!("a condition is a bool") };
        let pick = |i: usize| if holds[i] { a } else { b };
        let chosen = Value::of_lanes(std::array::from_fn(|i| pick(i).lanes([i; 4])));
        match (chosen, a, b) {
            (Value::F32(v, mut e), Value::F32(va, ea), Value::F32(vb, eb)) => {
                for i in (0..4).filter(|&i| !sure[i]) {
                    e[i] = (f64::from(va[i]) - f64::from(vb[i])).abs() + ea[i] + eb[i];
                }
                Value::F32(v, e)
            }
            (Value::Bool(v, s), ..) => Value::Bool(v, std::array::from_fn(|i| s[i] && sure[i])),
            (other, ..) => {
                self.leave_open(sure.map(|sure| !sure));
                other
            }
        }
    }

    fn convert(&mut self, to: Type, a: Value) -> Value {
        if let Value::F32(v, e) = a
            && to != Type::F32
        {
            let between = |i: usize| (f64::from(v[i]) - e[i]).trunc() != (f64::from(v[i]) + e[i]).trunc();
            self.leave_open(std::array::from_fn(|i| e[i] > 0.0 && between(i)));
        }
        if let Value::Bool(_, sure) = a {
            self.leave_open(sure.map(|sure| !sure));
        }
        let rounded = |v: [f64; 4]| Value::F32(v.map(|v| v as f32), std::array::from_fn(|i| off(v[i], 0.0, 2.0)));
        match (to, a) {
            (Type::F32, Value::U32(v)) => rounded(v.map(f64::from)),
            (Type::F32, Value::I32(v)) => rounded(v.map(f64::from)),
            (Type::F32, Value::Bool(v, _)) => rounded(v.map(|v| f64::from(u8::from(v)))),
            (Type::U32, Value::F32(v, _)) => Value::U32(v.map(|v| v as u32)),
            (Type::U32, Value::I32(v)) => Value::U32(v.map(|v| v as u32)),
            (Type::U32, Value::Bool(v, _)) => Value::U32(v.map(u32::from)),
            (Type::I32, Value::F32(v, _)) => Value::I32(v.map(|v| v as i32)),
            (Type::I32, Value::U32(v)) => Value::I32(v.map(|v| v as i32)),
            (Type::I32, Value::Bool(v, _)) => Value::I32(v.map(i32::from)),
            (_, same) => same,
        }
    }
}
