//! Scores template mining on LogHub: grouping accuracy and lines per second.
//!
//! Grouping accuracy is the share of lines whose group is right, and a group is right when it is
//! exactly the set of lines of one true template (logparser, `evaluator.py`). Each system is mined twice: with
//! Logloom's defaults, which know nothing of the system, and with Drain under its published
//! settings. The second must reproduce Drain's published figure, so it also checks the scorer.

use logloom_chain::parse::template::{Miner, Rules, RulesError, Settings};
use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

use super::{CpuClock, Figures, FiguresError};
use crate::loghub::{Assignment, Header, HeaderError, PRESETS, Preset};

/// Speed is measured over at least this long, in whole passes over the lines.
const MEASURED: Duration = Duration::from_millis(300);

/// Why the score could not be taken.
#[derive(Debug, Error)]
pub enum ScoreError {
    /// A file is missing or unreadable.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// There is no system of LogHub in the folder.
    #[error("{folder}: holds no SYSTEM/SYSTEM_2k.log of LogHub")]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// The truth does not fit the log.
    #[error("{path}: {detail}")]
    Truth {
        /// The CSV file.
        path: PathBuf,
        /// What does not fit.
        detail: &'static str,
    },
    /// A preset's format is wrong.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A preset's masks are wrong.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The figures cannot be written.
    #[error(transparent)]
    Figures(#[from] FiguresError),
}

/// The lines of a system and their true templates.
struct DataSet {
    contents: Vec<Vec<u8>>,
    truth: Vec<String>,
    /// Lines whose content as parsed by the header differs from the published one.
    odd_headers: usize,
}

/// The score of one system under one setting.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    /// Grouping accuracy, 0 to 1.
    pub accuracy: f64,
    /// Groups found.
    pub groups: usize,
    /// Lines per second of time on a core, masking included.
    pub lines_per_second: f64,
}

/// The scores of one system.
#[derive(Debug, Clone)]
pub struct SystemScore {
    /// LogHub's name for it.
    pub system: &'static str,
    /// Drain's published accuracy.
    pub published: f64,
    /// Logloom's defaults.
    pub defaults: Score,
    /// Drain under its published settings.
    pub preset: Score,
    /// True templates.
    pub true_groups: usize,
    /// Lines whose header was read otherwise than in the published data.
    pub odd_headers: usize,
}

/// Grouping accuracy of `found` against `truth`, both per line.
pub fn grouping_accuracy<F: Hash + Eq, T: Hash + Eq>(found: &[F], truth: &[T]) -> f64 {
    let mut sizes: HashMap<&T, usize> = HashMap::new();
    let mut groups: HashMap<&F, (&T, usize, bool)> = HashMap::new();
    for (group, template) in found.iter().zip(truth) {
        *sizes.entry(template).or_default() += 1;
        let (first, size, pure) = groups.entry(group).or_insert((template, 0, true));
        *size += 1;
        *pure &= *first == template;
    }
    let right = groups.values().filter(|(template, size, pure)| *pure && sizes[template] == *size);
    let lines: usize = right.map(|(_, size, _)| size).sum();
    if truth.is_empty() { 1.0 } else { lines as f64 / truth.len() as f64 }
}

/// Scores every system of LogHub that `folder` holds.
///
/// # Errors
/// [`ScoreError`].
pub fn score(folder: &Path) -> Result<Vec<SystemScore>, ScoreError> {
    let mut scores = Vec::new();
    for preset in &PRESETS {
        if let Some(data) = DataSet::read(folder, preset)? {
            scores.push(SystemScore {
                system: preset.system,
                published: preset.published.drain,
                defaults: data.score(&Settings::default())?,
                preset: data.score(&preset.settings())?,
                true_groups: data.truth.iter().collect::<std::collections::HashSet<_>>().len(),
                odd_headers: data.odd_headers,
            });
        }
    }
    if scores.is_empty() {
        return Err(ScoreError::Empty { folder: folder.to_owned() });
    }
    Ok(scores)
}

/// The groups of `contents` under `settings`: one number per line, equal for equal final templates.
///
/// # Errors
/// [`RulesError`] when the settings do not compile.
pub fn groups(contents: &[Vec<u8>], settings: &Settings) -> Result<Vec<u64>, RulesError> {
    let mut assignment = Assignment::new(Miner::new(Arc::new(Rules::compile(settings)?)));
    contents.iter().for_each(|content| assignment.observe(content));
    let finished = assignment.finish();
    Ok(finished.lines().map(|(id, _)| id.0).collect())
}

impl DataSet {
    fn read(folder: &Path, preset: &'static Preset) -> Result<Option<Self>, ScoreError> {
        let folder = folder.join(preset.system);
        let log = folder.join(format!("{}_2k.log", preset.system));
        if !log.exists() {
            return Ok(None);
        }
        let truth_path = folder.join(format!("{}_2k.log_structured.csv", preset.system));
        let read = |path: &Path| std::fs::read(path).map_err(|error| ScoreError::Read { path: path.to_owned(), error });
        let (log, table) = (read(&log)?, read(&truth_path)?);
        let fail = |detail| ScoreError::Truth { path: truth_path.clone(), detail };
        let rows = csv_rows(&table);
        let (head, rows) = rows.split_first().ok_or_else(|| fail("is empty"))?;
        let column = |name: &str| head.iter().position(|field| field == name.as_bytes());
        let event = column("EventId").ok_or_else(|| fail("has no column EventId"))?;
        let content = column("Content").ok_or_else(|| fail("has no column Content"))?;
        let header = Header::parse(preset.format)?;
        let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let contents: Vec<Vec<u8>> = lines.map(|line| header.content(line).unwrap_or(line).to_vec()).collect();
        if contents.len() != rows.len() || rows.iter().any(|row| row.len() <= event.max(content)) {
            return Err(fail("does not have one row per line of the log"));
        }
        let odd = contents.iter().zip(rows).filter(|(line, row)| line.trim_ascii() != row[content].trim_ascii());
        Ok(Some(Self {
            odd_headers: odd.count(),
            truth: rows.iter().map(|row| String::from_utf8_lossy(&row[event]).into_owned()).collect(),
            contents,
        }))
    }

    fn score(&self, settings: &Settings) -> Result<Score, RulesError> {
        let found = groups(&self.contents, settings)?;
        let rules = Arc::new(Rules::compile(settings)?);
        let mut miner = Miner::new(rules);
        let (clock, mut passes) = (CpuClock::start(), 0usize);
        while passes == 0 || clock.elapsed() < MEASURED {
            for content in &self.contents {
                std::hint::black_box(miner.observe(content));
            }
            passes += 1;
        }
        let seconds = clock.elapsed().as_secs_f64();
        Ok(Score {
            accuracy: grouping_accuracy(&found, &self.truth),
            groups: found.iter().collect::<std::collections::HashSet<_>>().len(),
            lines_per_second: (passes * self.contents.len()) as f64 / seconds,
        })
    }
}

/// All records of a CSV file.
fn csv_rows(table: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv_core::Reader::new();
    let mut field = vec![0; table.len().max(1)];
    let (mut rows, mut row, mut input, mut length) = (Vec::new(), Vec::new(), table, 0);
    loop {
        let (result, read, written) = reader.read_field(input, &mut field[length..]);
        input = &input[read..];
        length += written;
        match result {
            csv_core::ReadFieldResult::Field { record_end } => {
                row.push(field[..length].to_vec());
                length = 0;
                if record_end {
                    rows.push(std::mem::take(&mut row));
                }
            }
            csv_core::ReadFieldResult::End => return rows,
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
        }
    }
}

/// The average of one figure over systems.
pub fn average(scores: &[SystemScore], figure: impl Fn(&SystemScore) -> f64) -> f64 {
    scores.iter().map(figure).sum::<f64>() / scores.len().max(1) as f64
}

/// Lines per second over all systems, each with the same number of lines.
fn overall_rate(scores: &[SystemScore], score: impl Fn(&SystemScore) -> Score) -> f64 {
    1.0 / average(scores, |system| 1.0 / score(system).lines_per_second)
}

/// The scores as a table for people.
pub fn table(scores: &[SystemScore]) -> String {
    let mut text = format!(
        "{:<12} {:>9} {:>9} {:>9} {:>15} {:>11} {:>11}\n",
        "system", "published", "drain", "logloom", "groups/true", "drain l/s", "logloom l/s"
    );
    for score in scores {
        text.push_str(&format!(
            "{:<12} {:>9.4} {:>9.4} {:>9.4} {:>15} {:>11.0} {:>11.0}\n",
            score.system,
            score.published,
            score.preset.accuracy,
            score.defaults.accuracy,
            format!("{}/{}", score.defaults.groups, score.true_groups),
            score.preset.lines_per_second,
            score.defaults.lines_per_second,
        ));
    }
    text.push_str(&format!(
        "{:<12} {:>9.4} {:>9.4} {:>9.4} {:>15} {:>11.0} {:>11.0}\n",
        "all",
        average(scores, |score| score.published),
        average(scores, |score| score.preset.accuracy),
        average(scores, |score| score.defaults.accuracy),
        "",
        overall_rate(scores, |score| score.preset),
        overall_rate(scores, |score| score.defaults),
    ));
    text
}

/// The scores as flat figures.
pub fn figures(scores: &[SystemScore]) -> Figures {
    let mut figures = Figures::default();
    for score in scores {
        let system = score.system.to_lowercase();
        figures.add(format!("templates_ga_{system}"), score.defaults.accuracy);
        figures.add(format!("templates_ga_drain_{system}"), score.preset.accuracy);
        figures.add(format!("templates_ga_published_{system}"), score.published);
        figures.add(format!("templates_lines_per_s_{system}"), score.defaults.lines_per_second);
    }
    figures.add("templates_systems", scores.len() as f64);
    figures.add("templates_ga_average", average(scores, |score| score.defaults.accuracy));
    figures.add("templates_ga_drain_average", average(scores, |score| score.preset.accuracy));
    figures.add("templates_ga_published_average", average(scores, |score| score.published));
    figures.add("templates_lines_per_s", overall_rate(scores, |score| score.defaults));
    figures.add("templates_lines_per_s_drain", overall_rate(scores, |score| score.preset));
    figures
}

#[cfg(test)]
mod tests;
