//! Points: test errors as data. A sweep appends one line of JSON per point to `sweep.jsonl` of the run folder, and figures
//! and tables are made of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::{Moments, Score, Test};
use crate::error::{Error, Result};
use crate::files::{is_at, lock_file, without_locks};
use crate::weights::TrainedNetwork;

/// Name of the points of a run in its folder.
pub const FILE: &str = "sweep.jsonl";

/// One test error: a network under one draw of a distortion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Name of the run: its folder, or the file of weights without its ending.
    pub run: String,
    /// Training steps done; 0 for weights from elsewhere.
    pub step: u64,
    /// The distortion as it is written, without a number of draws: `addnorm:0.3`.
    pub distortion: String,
    /// Number of the draw, from 0.
    pub draw: u64,
    /// Seed of the draws.
    pub seed: u64,
    /// Where the batch-norm moments come from.
    pub moments: Moments,
    /// Training batches that they are averaged over; 0 for a network without batch norm.
    pub moments_batches: u64,
    /// Test images.
    pub images: u64,
    /// Keys of the preset that were changed for the test and that its result depends on: `precision = "f16"; data.gcn = 55`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub set: String,
    /// Whether the network read its weights as bits, those of a packed file that nothing distorts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_bits: bool,
    /// Share of test images whose class is not the first guess, per cent, to four decimals.
    pub error: f64,
    /// Share of test images whose class is not among the first five guesses, per cent, to four decimals; where there are
    /// more than ten classes.
    pub top5_error: Option<f64>,
    /// Mean loss over the test images, to six decimals; NaN (`null` in the file) where it overflowed.
    #[serde(deserialize_with = "nan_for_null")]
    pub loss: f64,
}

fn nan_for_null<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

impl Point {
    /// The point of a test of a network, without the result: over `images` test images, with moments from `moments_batches`.
    pub fn of(trained: &TrainedNetwork, test: &Test, moments_batches: usize, images: usize) -> Point {
        Point {
            run: trained.name.clone(),
            step: trained.step,
            distortion: test.distortion.single_draw().to_string(),
            draw: test.draw,
            seed: test.seed,
            moments: test.moments,
            moments_batches: moments_batches as u64,
            images: images as u64,
            set: trained.changed.clone(),
            from_bits: false,
            error: 0.0,
            top5_error: None,
            loss: 0.0,
        }
    }

    /// The same with this result.
    pub fn scored(self, score: &Score) -> Point {
        let Score { error, top5_error, loss, from_bits, .. } = *score;
        Point { error, top5_error, loss, from_bits, ..self }
    }

    /// The result.
    pub fn score(&self) -> Score {
        let Point { error, top5_error, loss, from_bits, .. } = *self;
        Score { distortion: self.distortion.clone(), loss, error, top5_error, from_bits }
    }

    /// Whether `other` is the same measurement: everything but the result and the name of the run, which may be moved.
    pub fn is_same_measurement(&self, other: &Point) -> bool {
        let key = |p: &Point| (p.step, p.draw, p.seed, p.moments, p.moments_batches, p.images);
        key(self) == key(other) && self.distortion == other.distortion && self.set == other.set
    }
}

/// The one of `points` that is the same measurement as `point`.
pub fn find<'a>(points: &'a [Point], point: &Point) -> Option<&'a Point> {
    points.iter().find(|p| p.is_same_measurement(point))
}

/// Where the points of the run folder, or of the file of weights, `subject` are kept: `sweep.jsonl` in the folder,
/// `weights.sweep.jsonl` beside `weights.safetensors`.
pub fn path(subject: &Path) -> PathBuf {
    if subject.is_dir() { subject.join(FILE) } else { subject.with_extension(FILE) }
}

/// The points in the file `path`, in its order; none if there is no file. A last line that was cut off is no point.
///
/// # Errors
/// A line that is no point, by its number.
pub fn read(path: &Path) -> Result<Vec<Point>> {
    match fs::read(path) {
        Ok(bytes) => Ok(parse(path, &bytes, 0)?.0),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(e) => Err(Error::io(path, e)),
    }
}

/// The points of the whole lines, the bytes of these, and how many they are; `lines` come before them.
fn parse(path: &Path, bytes: &[u8], lines: usize) -> Result<(Vec<Point>, usize, usize)> {
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let mut points = vec![];
    for (i, line) in bytes[..whole].split(|&b| b == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let point = serde_json::from_slice(line).map_err(|e| {
            let at = lines + i + 1;
            Error::format(path, format!("line {at} is no point of a sweep ({e}); remove the line or the file"))
        })?;
        points.push(point);
    }
    Ok((points, whole, bytes[..whole].iter().filter(|&&b| b == b'\n').count()))
}

/// A file of points that grows by whole lines. Several processes may add to it: each locks it while it writes, and sees
/// what the others have written. One that was removed meanwhile is made anew.
pub struct Points {
    path: PathBuf,
    file: File,
    points: Vec<Point>,
    /// Bytes of the file that `points` are read from, and lines.
    read: (u64, usize),
}

impl Points {
    /// Opens or makes the file, and removes a last line that was cut off.
    ///
    /// # Errors
    /// A file that holds something else, or that cannot be written.
    pub fn open(path: &Path) -> Result<Points> {
        let mut points = Points::begin(path)?;
        points.refresh()?;
        Ok(points)
    }

    /// The file, of which nothing is read yet.
    fn begin(path: &Path) -> Result<Points> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(|e| Error::io(path, e))?;
        Ok(Points { path: path.to_path_buf(), file, points: vec![], read: (0, 0) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The point in the file that is the same measurement as `point`, if there is one.
    pub fn find(&self, point: &Point) -> Option<&Point> {
        find(&self.points, point)
    }

    /// Reads what other processes have added.
    ///
    /// # Errors
    /// Lines that are no points; what the disk reports.
    pub fn refresh(&mut self) -> Result<()> {
        self.locked(Points::read_on)
    }

    /// Appends a line, unless another process has added the same measurement: one write, so that a reader sees whole lines.
    ///
    /// # Errors
    /// A full disk; as [`Points::refresh`].
    pub fn append(&mut self, point: Point) -> Result<()> {
        self.locked(|points| {
            points.read_on()?;
            if points.find(&point).is_some() {
                return Ok(());
            }
            let mut line = serde_json::to_string(&point).map_err(|e| Error::format(&points.path, e.to_string()))?;
            line.push('\n');
            points.file.write_all(line.as_bytes()).map_err(|e| Error::io(&points.path, e))?;
            points.read = (points.read.0 + line.len() as u64, points.read.1 + 1);
            points.points.push(point);
            Ok(())
        })
    }

    /// Removes the file if all its points are `done` with.
    ///
    /// # Errors
    /// As [`Points::refresh`].
    pub fn remove_if(mut self, done: impl Fn(&Point) -> bool) -> Result<()> {
        self.locked(|points| {
            points.read_on()?;
            if points.points.iter().all(done) {
                fs::remove_file(&points.path).map_err(|e| Error::io(&points.path, e))?;
            }
            Ok(())
        })
    }

    /// Does something while no other process writes.
    fn locked(&mut self, work: impl FnOnce(&mut Points) -> Result<()>) -> Result<()> {
        lock_file(&self.file, &self.path)?;
        while !is_at(&self.file, &self.path) {
            *self = Points::begin(&self.path)?;
            lock_file(&self.file, &self.path)?;
        }
        let done = work(self);
        let unlocked = self.file.unlock().or_else(|e| without_locks(&self.path, e));
        done.and(unlocked)
    }

    /// Reads the lines behind those that are known, and leaves the file at its end. What is behind the last whole line
    /// while nobody writes was cut off.
    fn read_on(&mut self) -> Result<()> {
        let io = |e| Error::io(&self.path, e);
        if self.file.metadata().map_err(io)?.len() < self.read.0 {
            // Somebody made it shorter: what was known may be gone.
            (self.points, self.read) = (vec![], (0, 0));
        }
        let mut bytes = vec![];
        self.file.seek(SeekFrom::Start(self.read.0)).map_err(io)?;
        self.file.read_to_end(&mut bytes).map_err(io)?;
        let (points, whole, lines) = parse(&self.path, &bytes, self.read.1)?;
        self.points.extend(points);
        self.read = (self.read.0 + whole as u64, self.read.1 + lines);
        if whole < bytes.len() {
            self.file.set_len(self.read.0).and_then(|()| self.file.seek(SeekFrom::End(0))).map_err(io)?;
            log::info!("{}: the last line was cut off and is removed", self.path.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(draw: u64) -> Point {
        Point {
            run: "tr-stochm-c".into(),
            step: 4000,
            distortion: "addnorm:0.3".into(),
            draw,
            seed: 1,
            moments: Moments::Recomputed,
            moments_batches: 200,
            images: 10_000,
            set: String::new(),
            from_bits: false,
            error: 12.34,
            top5_error: None,
            loss: 0.4567,
        }
    }

    #[test]
    fn a_point_is_one_line_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path());
        let mut points = Points::open(&path).unwrap();
        points.append(point(0)).unwrap();
        points.append(Point { loss: f64::NAN, moments: Moments::Trained, ..point(1) }).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.lines().next().unwrap(),
            "{\"run\":\"tr-stochm-c\",\"step\":4000,\"distortion\":\"addnorm:0.3\",\"draw\":0,\"seed\":1,\"moments\":\"recomputed\",\
             \"moments_batches\":200,\"images\":10000,\"error\":12.34,\"top5_error\":null,\"loss\":0.4567}"
        );
        assert!(text.ends_with("\"loss\":null}\n"), "{text}");
        let back = read(&path).unwrap();
        assert_eq!(back[0], point(0));
        assert!(back[1].loss.is_nan() && back[1].moments == Moments::Trained);
        assert!(points.find(&Point { error: 0.0, run: "moved".into(), ..point(0) }).is_some());
        assert!(points.find(&Point { images: 5000, ..point(0) }).is_none());
        assert!(points.find(&Point { set: "data.gcn = 55".into(), ..point(0) }).is_none());
        assert!(points.find(&Point { distortion: "addnorm:0.4".into(), ..point(0) }).is_none());
    }

    #[test]
    fn a_line_that_was_cut_off_is_removed_and_written_again_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path());
        let write = |draws: std::ops::Range<u64>| {
            let mut points = Points::open(&path).unwrap();
            for point in draws.map(point) {
                if points.find(&point).is_none() {
                    points.append(point).unwrap();
                }
            }
        };
        write(0..3);
        let whole = fs::read(&path).unwrap();
        for keep in [whole.len() - 1, whole.len() / 2, 7] {
            fs::write(&path, &whole[..keep]).unwrap();
            assert_eq!(read(&path).unwrap().len(), whole[..keep].iter().filter(|&&b| b == b'\n').count());
            write(0..3);
            assert_eq!(fs::read(&path).unwrap(), whole, "cut after {keep} bytes");
        }
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path());
        fs::write(&path, "\n{\"step\":1}\n").unwrap();
        let e = Points::open(&path).err().unwrap().to_string();
        assert!(e.contains("line 2") && e.contains("remove"), "{e}");
        assert_eq!(fs::read(&path).unwrap(), b"\n{\"step\":1}\n", "it is left as it was");
        assert!(read(&dir.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn two_sweeps_of_one_run_add_to_the_same_file_and_no_point_stands_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path());
        let (mut one, mut other) = (Points::open(&path).unwrap(), Points::open(&path).unwrap());
        one.append(point(0)).unwrap();
        other.append(point(1)).unwrap();
        one.append(Point { error: 99.0, ..point(1) }).unwrap();
        assert_eq!(one.find(&point(1)).unwrap().error, 12.34, "that of the other, which came first");
        other.refresh().unwrap();
        assert!(other.find(&point(0)).is_some());
        one.append(point(2)).unwrap();
        assert_eq!(read(&path).unwrap(), [point(0), point(1), point(2)]);
        fs::write(&path, "").unwrap();
        other.append(point(3)).unwrap();
        assert_eq!(read(&path).unwrap(), [point(3)], "somebody began anew");
        fs::write(&path, fs::read_to_string(&path).unwrap() + "{\"step\":1}\n").unwrap();
        assert!(one.refresh().unwrap_err().to_string().contains("line 2"));
    }
}
