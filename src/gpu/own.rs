//! A user's own projection: its text checked, and turned into plain data for its twin. No device is needed.

use std::error::Error as _;
use std::ops::Range;

use naga::valid::Capabilities;
use naga::{BinaryOperator, Function, Handle, Literal, MathFunction, Module, ScalarKind, TypeInner, UnaryOperator};

use super::compose::{self, Settings};
use crate::error::{Error, Result};
use crate::projection::Statistic;
use crate::projection::own::Source;
use crate::projection::program::{Expression, Field, Helper, Program, Statement, Type};
use crate::projection::value::{Binary, Math, Value};

/// What a function may use.
const PIECES: &str = "// include project/context.wgsl\n// include common/normal.wgsl\n";

/// What the function must look like.
const SIGNATURE: &str = "fn NAME(w: vec4<f32>, c: Context) -> vec4<f32>";

/// Reads the text of `file`: one function, of four weights and the context of `shaders/project/context.wgsl`.
///
/// # Errors
/// Anything else; what naga says of the text. Each with file and line.
pub fn read(file: &str, text: &str) -> Result<Source> {
    let at = |line: usize, what: String| Error::format(format!("{file}:{line}"), what);
    let statistic = statistic(text).map_err(|(line, what)| at(line, what))?;
    let function = without_comments(text);
    let name = only_function(&function).map_err(|(offset, what)| at(line_of(&function, offset), what))?;
    let mut composed = compose::compose("own", PIECES, &Settings::default()).map_err(|e| Error::Shaders(vec![e]))?;
    composed.append(file, &function);
    let place = |line: u32| composed.place(line as usize);
    let naga = |line: Option<u32>, what: String| Error::format(line.map_or_else(|| file.to_owned(), place), what);
    let module = naga::front::wgsl::parse_str(&composed.text)
        .map_err(|e| naga(e.location(&composed.text).map(|l| l.line_number), e.message().to_owned()))?;
    let mut validator = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), Capabilities::empty());
    let info = validator.validate(&module).map_err(|e| {
        let mut what = e.as_inner().to_string();
        let mut cause = e.as_inner().source();
        while let Some(inner) = cause {
            what = format!("{what}: {inner}");
            cause = inner.source();
        }
        naga(e.location(&composed.text).map(|l| l.line_number), what)
    })?;
    let wanted = &function[name.clone()];
    let line = line_of(&function, name.start);
    let found = module.functions.iter().find(|(_, f)| f.name.as_deref() == Some(wanted));
    let (handle, f) = found.ok_or_else(|| at(line, format!("write one function: {SIGNATURE}")))?;
    let is_four = |ty: Handle<naga::Type>| match module.types[ty].inner {
        TypeInner::Vector { size, scalar } => size == naga::VectorSize::Quad && scalar == naga::Scalar::F32,
        _ => false,
    };
    let fits = match (f.arguments.as_slice(), &f.result) {
        ([w, c], Some(result)) => {
            is_four(w.ty) && is_four(result.ty) && module.types[c.ty].name.as_deref() == Some("Context")
        }
        _ => false,
    };
    if !fits {
        return Err(at(line, format!("`{wanted}` must be {SIGNATURE}")));
    }
    let first = composed.text.lines().count() - function.lines().count();
    let mut turner = Turner { module: &module, f, info: &info[handle], text: &composed.text, first, draws: 0 };
    let program = turner.program();
    // What cannot be turned may use any.
    let draws = if program.is_ok() { turner.draws } else { 0b1111 };
    Ok(Source { function, name, draws, statistic, program })
}

/// How a file asks for another statistic than the largest magnitude of the layer.
const STATISTIC: &str = "// statistic: ";

/// The statistic that a line of the text asks for.
fn statistic(text: &str) -> std::result::Result<Statistic, (usize, String)> {
    let Some((i, words)) = text.lines().enumerate().find_map(|(i, line)| Some((i, line.strip_prefix(STATISTIC)?)))
    else {
        return Ok(Statistic::Max);
    };
    match words.trim() {
        "max" => Ok(Statistic::Max),
        "mean" => Ok(Statistic::Mean),
        "max filter" => Ok(Statistic::FilterMax),
        "mean filter" => Ok(Statistic::FilterMean),
        other => Err((i + 1, format!("there is no statistic \"{other}\": max, mean, max filter, mean filter"))),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The text with blanks in the place of comments.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut line) = (0, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let pair = chars.peek().map(|next| (c, *next));
        let (enter, leave) = (pair == Some(('/', '*')), pair == Some(('*', '/')));
        if c == '\n' {
            line = false;
            out.push(c);
        } else if line {
            out.push(' ');
        } else if enter || leave && depth > 0 {
            depth = if enter { depth + 1 } else { depth - 1 };
            chars.next();
            out.push_str("  ");
        } else if depth > 0 {
            out.push(' ');
        } else if pair == Some(('/', '/')) {
            line = true;
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}

/// Where the name of the only declaration stands, a function.
fn only_function(text: &str) -> std::result::Result<Range<usize>, (usize, String)> {
    let only = || format!("write one function and nothing beside it: {SIGNATURE}");
    let start = text.find(|c: char| !c.is_whitespace()).ok_or_else(|| (0, only()))?;
    let rest = text[start..].strip_prefix("fn").filter(|rest| rest.starts_with(char::is_whitespace));
    let rest = rest.ok_or_else(|| (start, only()))?;
    let name = text.len() - rest.trim_start().len();
    let length = text[name..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(0);
    let mut depth = 0;
    for (i, c) in text[name..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => continue,
        }
        if depth <= 0 {
            let end = name + i + 1;
            return match text[end..].find(|c: char| !c.is_whitespace()) {
                Some(more) => Err((end + more, only())),
                None => Ok(name..name + length),
            };
        }
    }
    Err((start, "the function has no end: a brace is missing".into()))
}

/// From naga's function to a program.
struct Turner<'a> {
    module: &'a Module,
    f: &'a Function,
    info: &'a naga::valid::FunctionInfo,
    text: &'a str,
    /// Lines before those of the file.
    first: usize,
    /// Bits of the draws that are read.
    draws: u32,
}

type Turned<T> = std::result::Result<T, String>;

impl Turner<'_> {
    fn program(&mut self) -> Turned<Program> {
        let body = self.block(&self.f.body)?;
        let mut expressions = vec![];
        let mut lines = vec![];
        for (handle, e) in self.f.expressions.iter() {
            let line = self.f.expressions.get_span(handle).location(self.text).line_number as usize;
            let line = line.saturating_sub(self.first);
            expressions.push(self.expression(e).map_err(|what| format!("line {line}: {what}"))?);
            lines.push(line as u32);
        }
        let mut locals = vec![];
        for (_, local) in self.f.local_variables.iter() {
            locals.push(match local.init {
                None => self.zero(local.ty)?,
                Some(init) => {
                    let constant = Program {
                        expressions: expressions.clone(),
                        lines: lines.clone(),
                        locals: vec![],
                        body: vec![],
                    };
                    constant.constant(init.index())
                }
            });
        }
        Ok(Program { expressions, lines, locals, body })
    }

    fn zero(&self, ty: Handle<naga::Type>) -> Turned<Value> {
        let scalar = match self.module.types[ty].inner {
            TypeInner::Scalar(scalar) | TypeInner::Vector { scalar, .. } => scalar,
            _ => return Err("a type that is neither a number nor a vector".into()),
        };
        match (scalar.kind, scalar.width) {
            (ScalarKind::Float, 4) => Ok(Value::F32([0.0; 4], [0.0; 4])),
            (ScalarKind::Uint, 4) => Ok(Value::U32([0; 4])),
            (ScalarKind::Sint, 4) => Ok(Value::I32([0; 4])),
            (ScalarKind::Bool, _) => Ok(Value::Bool([false; 4], [true; 4])),
            _ => Err("a type of other than 32 bits".into()),
        }
    }

    fn type_of(&self, kind: ScalarKind, width: Option<u8>) -> Turned<Type> {
        match (kind, width.unwrap_or(4)) {
            (ScalarKind::Float, 4) => Ok(Type::F32),
            (ScalarKind::Uint, 4) => Ok(Type::U32),
            (ScalarKind::Sint, 4) => Ok(Type::I32),
            _ => Err("a conversion to a type other than f32, u32 and i32".into()),
        }
    }

    /// Lanes of an expression.
    fn width(&self, e: Handle<naga::Expression>) -> usize {
        match self.info[e].ty.inner_with(&self.module.types) {
            TypeInner::Vector { size, .. } => *size as usize,
            _ => 1,
        }
    }

    /// The variable that a pointer is to.
    fn local(&self, pointer: Handle<naga::Expression>) -> Turned<usize> {
        match self.f.expressions[pointer] {
            naga::Expression::LocalVariable(local) => Ok(local.index()),
            _ => Err("a part of a part of a variable".into()),
        }
    }

    fn is_context(&self, e: Handle<naga::Expression>) -> bool {
        matches!(self.f.expressions[e], naga::Expression::FunctionArgument(1))
    }

    fn expression(&mut self, e: &naga::Expression) -> Turned<Expression> {
        use naga::Expression as E;
        Ok(match *e {
            E::Literal(literal) => Expression::Constant(match literal {
                Literal::F32(v) => Value::F32([v; 4], [0.0; 4]),
                Literal::U32(v) => Value::U32([v; 4]),
                Literal::I32(v) => Value::I32([v; 4]),
                Literal::Bool(v) => Value::Bool([v; 4], [true; 4]),
                _ => return Err("a number that is no f32, u32 or i32".into()),
            }),
            E::ZeroValue(ty) => Expression::Constant(self.zero(ty)?),
            E::FunctionArgument(0) => Expression::Weight,
            E::FunctionArgument(_) | E::LocalVariable(_) | E::CallResult(_) => Expression::Result,
            E::Compose { ref components, .. } => {
                Expression::Compose(components.iter().map(|c| (c.index(), self.width(*c))).collect())
            }
            E::Splat { value, .. } => Expression::Lanes(value.index(), [0; 4]),
            E::Swizzle { vector, pattern, .. } => Expression::Lanes(vector.index(), pattern.map(|c| c as usize)),
            E::AccessIndex { base, index } if self.is_context(base) => Expression::Field(self.field(base, index)?),
            E::AccessIndex { base, index }
                if matches!(self.info[base].ty.inner_with(&self.module.types), TypeInner::Vector { .. }) =>
            {
                Expression::Lanes(base.index(), [index as usize; 4])
            }
            // A pointer.
            E::AccessIndex { base, .. } if self.local(base).is_ok() => Expression::Result,
            E::Load { pointer } => match self.f.expressions[pointer] {
                E::LocalVariable(local) => Expression::Load(local.index()),
                E::AccessIndex { base, index } => Expression::LoadLane(self.local(base)?, index as usize),
                _ => return Err("a part of a variable by its number".into()),
            },
            E::Unary { op, expr } => match op {
                UnaryOperator::Negate => Expression::Negate(expr.index()),
                UnaryOperator::LogicalNot | UnaryOperator::BitwiseNot => Expression::Not(expr.index()),
            },
            E::Binary { op, left, right } => Expression::Binary(binary(op), left.index(), right.index()),
            E::Select { condition, accept, reject } => {
                Expression::Select(condition.index(), accept.index(), reject.index())
            }
            E::Relational { fun: naga::RelationalFunction::All, argument } => Expression::All(argument.index()),
            E::Relational { fun: naga::RelationalFunction::Any, argument } => Expression::Any(argument.index()),
            E::Math { fun, arg, arg1, arg2, .. } => {
                let operands: Vec<_> = [Some(arg), arg1, arg2].into_iter().flatten().collect();
                let math = math(fun).ok_or_else(|| format!("the function {fun:?}"))?;
                let float =
                    matches!(self.info[arg].ty.inner_with(&self.module.types).scalar_kind(), Some(ScalarKind::Float));
                if !float && !matches!(math, Math::Abs | Math::Min | Math::Max) {
                    return Err(format!("the function {fun:?} of whole numbers"));
                }
                Expression::Math(math, operands.iter().map(|o| o.index()).collect())
            }
            E::As { expr, kind, convert: Some(width) } => {
                if kind == ScalarKind::Bool {
                    return Err("a conversion to bool".into());
                }
                Expression::Convert(self.type_of(kind, Some(width))?, expr.index())
            }
            E::As { expr, kind, convert: None } => Expression::Bitcast(self.type_of(kind, None)?, expr.index()),
            ref other => {
                let text = format!("{other:?}");
                let name = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                return Err(format!("an expression of the sort {name}"));
            }
        })
    }

    fn field(&mut self, context: Handle<naga::Expression>, index: u32) -> Turned<Field> {
        let TypeInner::Struct { members, .. } = self.info[context].ty.inner_with(&self.module.types) else {
            return Err("a context that is no struct".into());
        };
        let name = members[index as usize].name.as_deref().unwrap_or_default();
        let (field, draws) = match name {
            "alpha" => (Field::Alpha, 0),
            "quantile" => (Field::Quantile, 0),
            "beta_u" => (Field::BetaU, 0),
            "p0" => (Field::P(0), 0),
            "p1" => (Field::P(1), 0),
            "p2" => (Field::P(2), 0),
            "sign_u" => (Field::Uniform(0), 0b0001),
            "size_u" => (Field::Uniform(1), 0b0010),
            "drop_u" => (Field::Uniform(2), 0b0100),
            "word" => (Field::Word, 0b1000),
            other => return Err(format!("`{other}` of the context")),
        };
        self.draws |= draws;
        Ok(field)
    }

    fn block(&mut self, block: &naga::Block) -> Turned<Vec<Statement>> {
        let mut out = vec![];
        for (statement, span) in block.span_iter() {
            let line = (span.location(self.text).line_number as usize).saturating_sub(self.first);
            out.push(self.statement(statement).map_err(|what| match what.starts_with("line ") {
                true => what,
                false => format!("line {line}: {what}"),
            })?);
        }
        Ok(out)
    }

    fn statement(&mut self, statement: &naga::Statement) -> Turned<Statement> {
        use naga::Statement as S;
        Ok(match statement {
            S::Emit(range) => {
                let handles: Vec<usize> = range.clone().map(|h| h.index()).collect();
                let first = handles.first().copied().unwrap_or(0);
                Statement::Evaluate(first..first + handles.len())
            }
            S::Block(block) => Statement::Block(self.block(block)?),
            S::If { condition, accept, reject } => {
                Statement::If(condition.index(), self.block(accept)?, self.block(reject)?)
            }
            S::Loop { body, continuing, break_if } => {
                Statement::Loop(self.block(body)?, self.block(continuing)?, break_if.map(|b| b.index()))
            }
            S::Break => Statement::Break,
            S::Continue => Statement::Continue,
            S::Return { value: Some(value) } => Statement::Return(value.index()),
            S::Store { pointer, value } => match self.f.expressions[*pointer] {
                naga::Expression::LocalVariable(local) => Statement::Store(local.index(), value.index()),
                naga::Expression::AccessIndex { base, index } => {
                    Statement::StoreLane(self.local(base)?, index as usize, value.index())
                }
                _ => return Err("a write to a part of a variable".into()),
            },
            S::Call { function, arguments, result: Some(result) } => {
                let name = self.module.functions[*function].name.as_deref().unwrap_or_default();
                let (helper, draws) = match name {
                    "normal" => (Helper::Normal, 0),
                    "magnitude" => (Helper::Magnitude, 0b0010),
                    "positive" => (Helper::Positive, 0b0001),
                    other => return Err(format!("a call of `{other}`")),
                };
                self.draws |= draws;
                let operand = arguments.iter().find(|a| !self.is_context(**a)).map(|a| a.index());
                Statement::Call(helper, operand, result.index())
            }
            S::Switch { .. } => return Err("a switch".into()),
            _ => return Err("a statement of a sort that a projection hardly needs".into()),
        })
    }
}

fn binary(op: BinaryOperator) -> Binary {
    match op {
        BinaryOperator::Add => Binary::Add,
        BinaryOperator::Subtract => Binary::Subtract,
        BinaryOperator::Multiply => Binary::Multiply,
        BinaryOperator::Divide => Binary::Divide,
        BinaryOperator::Modulo => Binary::Remainder,
        BinaryOperator::Equal => Binary::Equal,
        BinaryOperator::NotEqual => Binary::NotEqual,
        BinaryOperator::Less => Binary::Less,
        BinaryOperator::LessEqual => Binary::LessEqual,
        BinaryOperator::Greater => Binary::Greater,
        BinaryOperator::GreaterEqual => Binary::GreaterEqual,
        BinaryOperator::And | BinaryOperator::LogicalAnd => Binary::And,
        BinaryOperator::InclusiveOr | BinaryOperator::LogicalOr => Binary::Or,
        BinaryOperator::ExclusiveOr => Binary::Xor,
        BinaryOperator::ShiftLeft => Binary::ShiftLeft,
        BinaryOperator::ShiftRight => Binary::ShiftRight,
    }
}

fn math(fun: MathFunction) -> Option<Math> {
    Some(match fun {
        MathFunction::Abs => Math::Abs,
        MathFunction::Min => Math::Min,
        MathFunction::Max => Math::Max,
        MathFunction::Clamp => Math::Clamp,
        MathFunction::Saturate => Math::Saturate,
        MathFunction::Sign => Math::Sign,
        MathFunction::Floor => Math::Floor,
        MathFunction::Ceil => Math::Ceil,
        MathFunction::Round => Math::Round,
        MathFunction::Trunc => Math::Trunc,
        MathFunction::Fract => Math::Fract,
        MathFunction::Sqrt => Math::Sqrt,
        MathFunction::InverseSqrt => Math::InverseSqrt,
        MathFunction::Exp => Math::Exp,
        MathFunction::Exp2 => Math::Exp2,
        MathFunction::Log => Math::Log,
        MathFunction::Log2 => Math::Log2,
        MathFunction::Pow => Math::Pow,
        MathFunction::Sin => Math::Sin,
        MathFunction::Cos => Math::Cos,
        MathFunction::Tanh => Math::Tanh,
        MathFunction::Fma => Math::Fma,
        MathFunction::Mix => Math::Mix,
        MathFunction::Step => Math::Step,
        _ => return None,
    })
}
