//! The output folder: one JSON-lines file per stream.
//!
//! A checkpoint holds the length of each file. A run that goes on from it cuts the files back to these lengths: what had been
//! written beyond is written again, byte for byte.

use logloom_chain::aggregate::AggregateJson;
use logloom_chain::alert::record::AlertOutput;
use logloom_chain::compile::program::Program;
use logloom_chain::log::{Position, Upstream};
use logloom_chain::stage::events::{DeadLetter, EventRecord, LateRecord, TemplateRecord};
use logloom_chain::stage::finding::Finding;
use logloom_chain::stage::json;
use logloom_chain::stage::machine::{MachineError, Sink, Stream};
use logloom_chain::stage::plan::Plan;
use logloom_chain::wire::{Reader, WireError};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Streams that are written as files, in the order of reports.
pub const FILES: [Stream; 7] = [
    Stream::Events,
    Stream::Aggregates,
    Stream::Alerts,
    Stream::Findings,
    Stream::Templates,
    Stream::DeadLetter,
    Stream::Late,
];

/// Why a record could not be written.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The file system refused.
    #[error(
        "cannot write {path}: {error}; free space or mend the folder, and run the same command again: it goes on where it stopped"
    )]
    Write {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// The folder holds files that no run of this pipeline has written.
    #[error("{path} is there already and no checkpoint speaks of it; choose another output folder, or remove the file")]
    Occupied {
        /// Which file.
        path: PathBuf,
    },
    /// Another process writes into the folder.
    #[error("another process writes into {path}; wait until it has ended, or choose another output folder")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A record of the chain could not be read.
    #[error("a record of {stream} is damaged: {error}")]
    Record {
        /// Which stream.
        stream: &'static str,
        /// What is wrong.
        error: WireError,
    },
    /// The chain failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// Makes the folder, and keeps other processes out of it for as long as the file that it gives is open.
///
/// # Errors
/// [`OutputError::Locked`], or [`OutputError::Write`] when the folder cannot be written.
pub fn lock(folder: &Path) -> Result<File, OutputError> {
    let path = folder.join(".lock");
    let write = |error| OutputError::Write { path: path.clone(), error };
    std::fs::create_dir_all(folder).map_err(|error| OutputError::Write { path: folder.to_owned(), error })?;
    let file = File::create(&path).map_err(write)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OutputError::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(write(error)),
    }
}

/// Looks for output files with something in them: in a folder without a store they are somebody else's.
///
/// # Errors
/// [`OutputError::Occupied`].
pub fn refuse_foreign(folder: &Path) -> Result<(), OutputError> {
    let paths = FILES.iter().map(|stream| folder.join(format!("{}.jsonl", stream.name())));
    for path in paths.chain([folder.join("ledger.json")]) {
        if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0) {
            return Err(OutputError::Occupied { path });
        }
    }
    Ok(())
}

/// Length and number of lines of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Written {
    /// Bytes.
    pub bytes: u64,
    /// Lines.
    pub lines: u64,
}

struct Output {
    path: PathBuf,
    file: BufWriter<File>,
    written: Written,
}

/// Writes records of the chain as JSON objects.
pub struct Encoder {
    program: Arc<Program>,
    plan: Plan,
    aggregates: AggregateJson,
}

/// The files of a run.
pub struct Outputs {
    encoder: Encoder,
    files: Vec<Output>,
    line: Vec<u8>,
}

impl Outputs {
    /// Opens the files, cut back to `written` (one per entry of [`FILES`]); without it they are made empty.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn open(
        folder: &Path,
        program: Arc<Program>,
        plan: Plan,
        written: Option<&[Written]>,
    ) -> Result<Self, OutputError> {
        let mut files = Vec::with_capacity(FILES.len());
        for (index, stream) in FILES.iter().enumerate() {
            let path = folder.join(format!("{}.jsonl", stream.name()));
            let written = written.and_then(|all| all.get(index)).copied().unwrap_or_default();
            let file = open(&path, written.bytes).map_err(|error| OutputError::Write { path: path.clone(), error })?;
            files.push(Output { path, file, written });
        }
        Ok(Self { encoder: Encoder::new(program, plan), files, line: Vec::new() })
    }

    /// What has been written so far, in the order of [`FILES`].
    pub fn written(&self) -> Vec<Written> {
        self.files.iter().map(|output| output.written).collect()
    }

    /// Hands everything to the system, and to the disk when asked.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn flush(&mut self, to_disk: bool) -> Result<(), OutputError> {
        for output in &mut self.files {
            let flushed =
                output.file.flush().and_then(|()| if to_disk { output.file.get_ref().sync_data() } else { Ok(()) });
            flushed.map_err(|error| OutputError::Write { path: output.path.clone(), error })?;
        }
        Ok(())
    }
}

impl Encoder {
    /// For the records of a machine with this program and plan.
    pub fn new(program: Arc<Program>, plan: Plan) -> Self {
        Self { aggregates: AggregateJson::new(Arc::clone(&program.definition)), program, plan }
    }

    /// Appends one record as a JSON object. Ledger entries have none.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are no record of the stream.
    pub fn encode(
        &mut self,
        stream: Stream,
        upstream: Upstream,
        payload: &[u8],
        line: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        let Self { program, plan, aggregates } = self;
        let definition = &program.definition;
        let partition = plan.partition(upstream);
        let source = partition
            .and_then(|partition| program.sources.get(usize::from(partition.source.0)))
            .map_or("", |source| source.name.as_str());
        let number = partition.map_or(0, |partition| partition.number);
        match stream {
            Stream::Events => json::write_event(program, &EventRecord::read(payload)?, line),
            Stream::Aggregates => aggregates.write(payload, line)?,
            Stream::Alerts => AlertOutput::load(&mut Reader::new(payload))?.to_json(definition, line),
            Stream::Findings => Finding::load(&mut Reader::new(payload))?.to_json(definition, line),
            Stream::Templates => json::write_template(source, number, &TemplateRecord::read(payload)?, line),
            Stream::DeadLetter => json::write_dead_letter(source, number, &DeadLetter::read(payload)?, line),
            Stream::Late => {
                let late = LateRecord::read(payload)?;
                let number = plan.partition(Upstream(late.upstream)).map_or(0, |partition| partition.number);
                json::write_late(program, number, &late, line);
            }
            Stream::IngestLedger | Stream::CorrelateLedger => {}
        }
        Ok(())
    }
}

impl Sink for Outputs {
    type Error = OutputError;

    fn record(&mut self, stream: Stream, upstream: Upstream, _at: Position, payload: &[u8]) -> Result<(), OutputError> {
        self.line.clear();
        self.encoder
            .encode(stream, upstream, payload, &mut self.line)
            .map_err(|error| OutputError::Record { stream: stream.name(), error })?;
        self.line.push(b'\n');
        let Some(index) = FILES.iter().position(|file| *file == stream) else { return Ok(()) };
        let output = &mut self.files[index];
        output.file.write_all(&self.line).map_err(|error| OutputError::Write { path: output.path.clone(), error })?;
        output.written.bytes += self.line.len() as u64;
        output.written.lines += 1;
        Ok(())
    }
}

/// Opens a file for writing behind its first `bytes` bytes.
fn open(path: &Path, bytes: u64) -> std::io::Result<BufWriter<File>> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let length = file.metadata()?.len();
    if length < bytes {
        let message = format!("the file has {length} bytes, a checkpoint says that {bytes} were written");
        return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, message));
    }
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(BufWriter::with_capacity(256 * 1024, file))
}
