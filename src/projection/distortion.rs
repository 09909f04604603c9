//! What is done to the weights of a trained network, as an expression: a chain of projections, each of all layers or of
//! some.
//!
//! ```text
//! item = [PATTERN:]PROJECTION[:PARAMETERS[ cosine]] {+ ...} [except PATTERN ...] [xN]
//! ```
//!
//! `sign+addnorm:0.2` first takes the sign, then adds noise; `conv*:sign` takes the sign of the convolutions and leaves
//! the other layers as they are; `sign except fc2` that of all layers but one; `addnorm:0.3 x8` asks for eight draws.
//!
//! The links of a chain act one after the other, each on what the one before left. What a link knows of a layer beside
//! its input, alpha (max |w| or another statistic) and the quantile of |w|, is that of the stored weights, for every link: in
//! `sign+addnorm:0.2` the noise is measured by the largest stored weight. Random numbers of different links are
//! independent: the number of the link is part of the counter (`first_draw` of `shaders/common/parameters.wgsl`).
//!
//! In training, where each layer has one link at most, parameters may move ([`super::schedule`]). In the place of a
//! projection may stand a file with a user's own, `soft.wgsl:0.3`, quoted where its name holds `: + ,` or blanks.

use std::fmt;

use std::sync::Arc;

use super::own::{self, Own, Owns, Source};
use super::schedule::{self, Schedule};
use super::{HostDraw, MOST_LINKS, PROJECTIONS, Projection};
use crate::error::{Error, Result, suggest};

/// Draws of a distortion, at most.
const MOST_DRAWS: u32 = 10_000;

/// One projection of a chain with the layers that it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The projection; where it moves, that of the start of training.
    pub projection: Projection,
    /// How it moves over training.
    pub schedule: Option<Schedule>,
    /// The file, of a user's own.
    pub own: Option<Own>,
    /// Which layers: a pattern with `*` for any text and `?` for any character; none: all.
    pub layers: Option<String>,
}

/// A chain of projections applied from left to right, each to some layers, and how many draws of it are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Distortion {
    /// The chain, at least one link.
    pub links: Vec<Link>,
    /// Patterns of the layers that keep their weights.
    pub except: Vec<String>,
    /// Draws asked for, at least 1.
    pub draws: u32,
}

impl From<Projection> for Distortion {
    /// The projection of every layer, once.
    fn from(projection: Projection) -> Self {
        Distortion { links: vec![projection.into()], except: vec![], draws: 1 }
    }
}

impl From<Projection> for Link {
    /// The projection of every layer.
    fn from(projection: Projection) -> Self {
        Link { projection, schedule: None, own: None, layers: None }
    }
}

impl Distortion {
    /// Parses one expression. Whether its patterns match a layer shows in `kernels::project::tables`.
    ///
    /// # Errors
    /// An unknown projection or word, with the nearest valid ones; a parameter out of range, with what is allowed.
    pub fn parse(text: &str) -> Result<Self> {
        let (masked, names) = mask(text)?;
        Self::parse_masked(&masked, &names).map_err(|e| Error::Invalid(unmask(&e.to_string(), &names)))
    }

    /// As [`Distortion::parse`], of a text in which single characters stand for quoted names.
    fn parse_masked(text: &str, names: &[String]) -> Result<Self> {
        let bad = |message: String| Error::Invalid(format!("distortion \"{}\": {message}", text.trim()));
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let number = |w: &&str| w.strip_prefix('x').and_then(|n| n.parse::<u32>().ok());
        let draws = words.last().and_then(number);
        if draws.is_some() {
            words.pop();
        }
        let draws = draws.unwrap_or(1);
        if !(1..=MOST_DRAWS).contains(&draws) {
            return Err(bad(format!("x{draws}: ask for 1 to {MOST_DRAWS} draws")));
        }
        let end = words.iter().position(|w| *w == "except").unwrap_or(words.len());
        let except: Vec<String> = words.iter().skip(end + 1).map(|w| (*w).to_owned()).collect();
        if end < words.len() && except.is_empty() {
            return Err(bad("behind \"except\" the layers are missing, e.g. except fc2".into()));
        }
        // Around a plus there may be room.
        let chain = schedule::with_arrows(&words[..end].join(" ").replace(" +", "+").replace("+ ", "+"));
        let chain = split_chain(&chain);
        let stray = |link: &&str| Some(link.strip_suffix(" cosine").unwrap_or(link).split_once(' ')?.1.to_owned());
        if let Some(rest) = chain.iter().find_map(stray) {
            let word = rest.split(' ').next().unwrap_or(&rest);
            let near = suggest(word, ["except", "cosine"]);
            let may = "behind the projections may stand \"except PATTERN ...\" and a number of draws, \"x8\"";
            return Err(bad(format!("\"{word}\" is not understood; {may}.{near}")));
        }
        let mut links = chain.into_iter().map(Link::parse).collect::<Result<Vec<_>>>()?;
        number_own(&mut links, names).map_err(bad)?;
        if links.len() > MOST_LINKS {
            return Err(bad(format!("{} links; a chain has at most {MOST_LINKS}", links.len())));
        }
        Ok(Distortion { links, except, draws })
    }

    /// Parses expressions separated by commas. A comma before a number, `quantile` or `filter` goes on with the
    /// parameters of a projection: `sign,stuck:0.1,0.05,none` are three.
    ///
    /// # Errors
    /// As [`Distortion::parse`].
    pub fn parse_list(text: &str) -> Result<Vec<Self>> {
        let (masked, names) = mask(text)?;
        let mut items: Vec<String> = vec![];
        for part in masked.split(',') {
            let first = part.trim().split([' ', '+']).next().unwrap_or_default();
            let first = first.split("->").next().unwrap_or(first);
            match items.last_mut() {
                Some(last)
                    if ["quantile", "filter"].contains(&first) || first.parse::<f64>().is_ok_and(f64::is_finite) =>
                {
                    *last = format!("{last},{}", part.trim());
                }
                _ => items.push(part.to_owned()),
            }
        }
        let parse = |item: &String| Self::parse_masked(item, &names);
        items.iter().map(parse).collect::<Result<_>>().map_err(|e| Error::Invalid(unmask(&e.to_string(), &names)))
    }

    /// The same with one draw: what a point of a sweep is called.
    pub fn single_draw(&self) -> Self {
        Distortion { draws: 1, ..self.clone() }
    }

    /// Whether two draws of it differ, at any time.
    pub fn is_random(&self) -> bool {
        // Parameters that make no noise at both ends of a way may do so between them: bitflip:0->1.
        let any = |l: &Link| [0.0, 0.5, 1.0].iter().any(|&done| l.at(done).is_random());
        let source = |l: &Link| l.own.as_ref().and_then(|own| own.source.clone());
        self.links.iter().any(|l| source(l).map_or_else(|| any(l), |source| source.draws != 0))
    }

    /// Whether a parameter moves over training.
    pub fn is_scheduled(&self) -> bool {
        self.links.iter().any(|l| l.schedule.is_some())
    }

    /// What it is when the part `done` of training is over, from 0 to 1.
    pub fn at(&self, done: f64) -> Self {
        let links = self.links.iter().map(|l| Link { projection: l.at(done), schedule: None, ..l.clone() });
        Distortion { links: links.collect(), ..self.clone() }
    }

    /// What it is in a test of a network trained under `training` when the part `done` of that was over: only the
    /// projection of training itself moves, any other is left as it is.
    pub fn in_test(&self, training: &Distortion, done: f64) -> Self {
        if self.single_draw() == *training { self.at(done) } else { self.clone() }
    }

    /// Files of users' own projections that were not read yet.
    pub fn unread(&self) -> impl Iterator<Item = &str> {
        let own = self.links.iter().filter_map(|l| l.own.as_ref());
        own.filter(|own| own.source.is_none()).map(|own| own.name.as_str())
    }

    /// The same with what `read` makes of each file that was not read yet, tried with the parameters.
    ///
    /// # Errors
    /// Those of `read`, and as [`Source::probe`].
    pub fn with_own(&self, read: impl Fn(&str) -> Result<Arc<Source>>) -> Result<Self> {
        let mut all = self.clone();
        for link in &mut all.links {
            let ends = [0.0, 0.5, 1.0].map(|done| link.at(done).words(1));
            let Some(own) = link.own.as_mut().filter(|own| own.source.is_none()) else { continue };
            let source = read(&own.name)?;
            ends.iter().try_for_each(|p| source.probe(&own.name, *p))?;
            link.projection.statistic = Some(source.statistic);
            if let Some(schedule) = &mut link.schedule {
                schedule.end.statistic = Some(source.statistic);
            }
            own.source = Some(source);
        }
        Ok(all)
    }

    /// The users' own projections by their kinds.
    ///
    /// # Panics
    /// If one was not read: a bug of the caller.
    pub fn own(&self) -> Owns {
        let mut all: Owns = vec![];
        for (link, own) in self.links.iter().filter_map(|l| Some((l, l.own.as_ref()?))) {
            if all.iter().all(|(kind, _)| *kind != link.projection.kind) {
                let source = own.source.clone().unwrap_or_else(|| panic!("{} was not read", own.name));
                all.push((link.projection.kind, source));
            }
        }
        all
    }

    /// Whether a link reads `quantiles`, so that they must be computed before it.
    pub fn needs_quantile(&self) -> bool {
        self.links.iter().any(|l| l.projection.needs_quantile())
    }

    /// Distorts one tensor on the host by the twins: the specification, for tests and small arrays. `draw.link` and, for
    /// a ranged Power, `draw.beta_u` are set here for each link.
    ///
    /// # Panics
    /// If `shape` is not that of `weights`: a bug of the caller.
    pub fn apply_host(&self, name: &str, shape: &[usize], weights: &[f32], draw: &HostDraw) -> Vec<f32> {
        let mut out = weights.to_vec();
        for (link, l) in self.links.iter().enumerate().filter(|(_, l)| self.applies(l, name)) {
            let beta_u = super::beta_draw_of_link(draw.seed, draw.step, link);
            let draw = HostDraw { link, beta_u, ..*draw };
            let own = l.own.as_ref().and_then(|own| own.source.as_deref());
            out = super::apply_link_host(&l.projection, own, shape, weights, &out, &draw);
        }
        out
    }

    /// Whether it leaves the tensor of this name as it is: no link but `none` is for it.
    pub fn leaves(&self, tensor: &str) -> bool {
        !self.links.iter().any(|link| link.projection != Projection::NONE && self.applies(link, tensor))
    }

    /// Whether a link is for the tensor of this name.
    pub fn applies(&self, link: &Link, tensor: &str) -> bool {
        link.layers.as_ref().is_none_or(|p| selects(p, tensor)) && !self.except.iter().any(|p| selects(p, tensor))
    }
}

impl fmt::Display for Distortion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, link) in self.links.iter().enumerate() {
            write!(f, "{}{link}", if i > 0 { "+" } else { "" })?;
        }
        if !self.except.is_empty() {
            write!(f, " except {}", self.except.join(" "))?;
        }
        if self.draws > 1 { write!(f, " x{}", self.draws) } else { Ok(()) }
    }
}

impl Link {
    /// Parses `PROJECTION[:PARAMETERS]` or `PATTERN:PROJECTION[:PARAMETERS]`.
    fn parse(text: &str) -> Result<Self> {
        let known = |text: &str| {
            let name = text.split(':').next().unwrap_or(text);
            is_file(name) || PROJECTIONS.iter().any(|k| k.name == name)
        };
        let Some((first, rest)) = text.split_once(':').filter(|_| !known(text)) else {
            return Link::of(text, None);
        };
        // What is neither may be a projection misspelt, before its parameters, or one behind a pattern: a parameter
        // begins with no letter, but for `filter`, and no projection has a star.
        let letter = rest != "filter" && rest.starts_with(|c: char| c.is_ascii_alphabetic());
        if !known(rest) && !letter && !first.contains(['*', '?']) {
            return Link::of(text, None);
        }
        if first.is_empty() {
            return Err(Error::Invalid(format!("distortion \"{text}\": before the colon the layers are missing")));
        }
        Link::of(rest, Some(first.into()))
    }

    fn of(text: &str, layers: Option<String>) -> Result<Self> {
        let name = text.split([':', ' ']).next().unwrap_or(text);
        if !is_file(name) {
            let (projection, schedule) = schedule::parse(text, Projection::parse)?;
            return Ok(Link { projection, schedule, own: None, layers });
        }
        let value = |text: &str| {
            let bad =
                || Error::Invalid(format!("projection \"{text}\": it takes up to three numbers, {name}:P0,P1,P2"));
            Projection::own(text.split_once(':').map(|(_, parameters)| parameters)).ok_or_else(bad)
        };
        let (projection, schedule) = schedule::parse(text, value)?;
        Ok(Link { projection, schedule, own: Some(Own { name: name.into(), source: None }), layers })
    }

    /// The projection when the part `done` of training is over.
    pub fn at(&self, done: f64) -> Projection {
        self.schedule.map_or(self.projection, |s| s.at(&self.projection, done))
    }

    /// Whether it leaves every weight 0 or + - one magnitude per tensor ([`Projection::is_ternary`]), at any time.
    pub fn is_ternary(&self) -> bool {
        // The parameters with which a projection does so are all those between two of them.
        [0.0, 1.0].iter().all(|&done| self.at(done).is_ternary())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pattern) = &self.layers {
            write!(f, "{pattern}:")?;
        }
        match &self.own {
            Some(own) => write!(f, "{own}")?,
            None => write!(f, "{}", self.projection.row().name)?,
        }
        let parameters = match &self.schedule {
            Some(schedule) => schedule::show(&self.projection, schedule),
            None => self.projection.parameters(0),
        };
        if parameters.is_empty() { Ok(()) } else { write!(f, ":{parameters}") }
    }
}

/// The characters that stand for quoted names while a text is parsed: for private use, so that no name has one.
const MASKS: std::ops::RangeInclusive<char> = '\u{E000}'..='\u{F8FF}';

/// Whether the name of a projection is that of a file.
fn is_file(name: &str) -> bool {
    name.ends_with(".wgsl") || name.contains(|c| MASKS.contains(&c))
}

/// The text with one character in the place of each quoted name, and the names.
fn mask(text: &str) -> Result<(String, Vec<String>)> {
    let bad = |message: &str| Err(Error::Invalid(format!("distortion \"{}\": {message}", text.trim())));
    if text.contains(|c| MASKS.contains(&c)) {
        return bad("it holds a character that no name can have");
    }
    let (mut out, mut names, mut rest) = (String::new(), vec![], text);
    while let Some(start) = rest.find(['\'', '"']) {
        let quote = &rest[start..=start];
        let Some((name, behind)) = rest[start + 1..].split_once(quote) else {
            return bad(&format!("the quote {quote} has no end"));
        };
        let Some(mask) = MASKS.clone().nth(names.len()) else { return bad("too many quoted names") };
        out.push_str(&rest[..start]);
        out.push(mask);
        names.push(name.to_owned());
        rest = behind;
    }
    out.push_str(rest);
    Ok((out, names))
}

/// The text with the quoted names again.
fn unmask(text: &str, names: &[String]) -> String {
    let position = |c: char| MASKS.contains(&c).then(|| c as usize - *MASKS.start() as usize);
    text.chars().map(|c| position(c).and_then(|i| names.get(i)).map_or(c.to_string(), |n| format!("'{n}'"))).collect()
}

/// Gives users' own projections their names and kinds, one for each file.
fn number_own(links: &mut [Link], names: &[String]) -> std::result::Result<(), String> {
    let mut files: Vec<String> = vec![];
    for link in links {
        let Some(own) = &mut link.own else { continue };
        let quoted = own.name.chars().next().filter(|c| MASKS.contains(c));
        if let Some(c) = quoted {
            own.name = names[c as usize - *MASKS.start() as usize].clone();
        }
        let at = files.iter().position(|file| *file == own.name).unwrap_or_else(|| {
            files.push(own.name.clone());
            files.len() - 1
        });
        let kind = own::FIRST + at as u32;
        link.projection.kind = kind;
        if let Some(schedule) = &mut link.schedule {
            schedule.end.kind = kind;
        }
    }
    let most = own::MOST as usize;
    if files.len() > most {
        return Err(format!("{} files; an expression has at most {most} different ones", files.len()));
    }
    Ok(())
}

/// The links of a chain: split at every plus but that of an exponent, `1e+3`.
fn split_chain(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(|b| b.is_ascii_digit() || *b == b'.');
    let exponent = |i: usize| i >= 2 && bytes[i - 1].eq_ignore_ascii_case(&b'e') && digit(i - 2) && digit(i + 1);
    let (mut links, mut start) = (vec![], 0);
    for (i, _) in text.match_indices('+').filter(|(i, _)| !exponent(*i)) {
        links.push(&text[start..i]);
        start = i + 1;
    }
    links.push(&text[start..]);
    links
}

/// The layer of a tensor: `conv1` of `conv1.weight`.
pub fn layer(tensor: &str) -> &str {
    tensor.rsplit_once('.').map_or(tensor, |(layer, _)| layer)
}

/// Whether a pattern names a tensor, by its own name or that of its layer.
pub fn selects(pattern: &str, tensor: &str) -> bool {
    matches(pattern.as_bytes(), tensor.as_bytes()) || matches(pattern.as_bytes(), layer(tensor).as_bytes())
}

/// `*` stands for any text, `?` for any byte. Goes back to the last star alone, so the time is at most the product of the
/// lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&b) if b == b'?' || b == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                n = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}
