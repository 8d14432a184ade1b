//! Checkpoints of a local run: create-only objects in a folder, named by position (rule R12).
//!
//! One object holds the whole run at one instant between two batches: where each input stands, how long each output file
//! is, and the state of every task. Several are kept; a damaged one is passed over for the one before it, and renamed, so that it
//! neither counts among those that are kept nor stands where the next one goes.

use super::input::{ReadState, TailState};
use super::output::Written;
use logloom_chain::log::Offset;
use logloom_chain::log::Rules;
use logloom_chain::log::checkpoint::{Checkpoint, KEEP_NEWEST, LogIdentity, ObjectName, Task, candidates};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why checkpoints cannot be used.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("cannot use the checkpoint folder {path}: {error}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// Checkpoints of another definition are in the way.
    #[error(
        "{path} holds checkpoints of another definition of this pipeline (generation {found}, now {expected:016x}); \
         begin with a new output folder, or remove this one"
    )]
    OtherGeneration {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What would be written.
        expected: u64,
    },
}

/// Where one input stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputState {
    /// Name of the file.
    pub place: String,
    /// Number of the next line, and its byte.
    pub line: u64,
    /// Byte of the decompressed stream.
    pub byte: u64,
    /// For a followed file: which one it was.
    pub tail: Option<TailState>,
    /// It was read to its end.
    pub ended: bool,
}

impl InputState {
    /// As a place to read on from.
    pub fn read_state(&self) -> ReadState {
        ReadState { line: self.line, byte: self.byte }
    }
}

/// What goes with the state of the tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Inputs, in the order of partitions.
    pub inputs: Vec<InputState>,
    /// Output files.
    pub written: Vec<Written>,
    /// Everything was read and written.
    pub complete: bool,
}

/// A loaded checkpoint.
#[derive(Debug)]
pub struct Loaded {
    /// Inputs and outputs.
    pub edge: Edge,
    /// State of the machine.
    pub machine: Vec<u8>,
    /// Its position.
    pub position: Offset,
    /// Damaged checkpoints that were passed over.
    pub damaged: Vec<String>,
}

/// The checkpoints of one run.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    task: Task,
}

impl Store {
    /// The store in `folder` for this generation, and whether it was there already.
    ///
    /// # Errors
    /// [`CheckpointError::OtherGeneration`] when the folder belongs to another definition.
    pub fn open(folder: &Path, generation: u64) -> Result<(Self, bool), CheckpointError> {
        let task = Task { generation, stage: "local".to_owned(), partition: 0 };
        let store = Self { folder: folder.to_owned(), task };
        let own = format!("{generation:016x}");
        if let Ok(entries) = fs::read_dir(folder) {
            for entry in entries.flatten() {
                let found = entry.file_name().to_string_lossy().into_owned();
                let is_generation = found.len() == 16 && found.bytes().all(|byte| byte.is_ascii_hexdigit());
                if is_generation && found != own {
                    return Err(CheckpointError::OtherGeneration {
                        path: folder.to_owned(),
                        found,
                        expected: generation,
                    });
                }
            }
        }
        let place = store.place();
        let was_there = place.is_dir();
        fs::create_dir_all(&place).map_err(io_error(&place))?;
        Ok((store, was_there))
    }

    fn place(&self) -> PathBuf {
        self.folder.join(self.task.prefix())
    }

    fn listing(&self) -> Result<Vec<ObjectName>, CheckpointError> {
        let place = self.place();
        let entries = fs::read_dir(&place).map_err(io_error(&place))?;
        let name = |entry: fs::DirEntry| Task::parse_name(&entry.file_name().to_string_lossy());
        Ok(entries.flatten().filter_map(name).collect())
    }

    /// The newest checkpoint that can be read.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] when the folder or a file in it cannot be read.
    pub fn newest(&self) -> Result<Option<Loaded>, CheckpointError> {
        let mut damaged = Vec::new();
        for name in candidates(&self.listing()?, Offset::ZERO, None) {
            let ObjectName::At(position) = name else { continue };
            let path = self.folder.join(self.task.object(position));
            let bytes = fs::read(&path).map_err(io_error(&path))?;
            match self.decode(&bytes) {
                Ok((edge, machine)) => return Ok(Some(Loaded { edge, machine, position, damaged })),
                Err(error) => {
                    let aside = path.with_extension("damaged");
                    fs::rename(&path, &aside).map_err(io_error(&path))?;
                    damaged.push(format!("{}: {error}; it is {} now", path.display(), aside.display()));
                }
            }
        }
        Ok(None)
    }

    fn decode(&self, bytes: &[u8]) -> Result<(Edge, Vec<u8>), String> {
        let checkpoint = Checkpoint::decode(bytes).map_err(|error| error.to_string())?;
        let identity = LogIdentity::default();
        checkpoint.check(&self.task, self.task.generation, &identity, Rules::ALL).map_err(|error| error.to_string())?;
        let (length, rest) = checkpoint.state.split_first_chunk::<8>().ok_or("too short")?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|error| error.to_string())?;
        let edge = rest.get(..length).ok_or("too short")?;
        let edge = serde_json::from_slice(edge).map_err(|error| error.to_string())?;
        Ok((edge, rest[length..].to_vec()))
    }

    /// Puts a checkpoint, if there is none at its position yet, and deletes all but the newest.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn put(&self, position: Offset, edge: &Edge, machine: &[u8]) -> Result<(), CheckpointError> {
        let edge = serde_json::to_vec(edge).unwrap_or_default();
        let mut state = Vec::with_capacity(8 + edge.len() + machine.len());
        state.extend_from_slice(&(edge.len() as u64).to_le_bytes());
        state.extend_from_slice(&edge);
        state.extend_from_slice(machine);
        let checkpoint = Checkpoint {
            task: self.task.clone(),
            origin: false,
            position,
            logic: self.task.generation,
            log: LogIdentity::default(),
            last: None,
            cursors: Vec::new(),
            state: &state,
        };
        let path = self.folder.join(self.task.object(position));
        create_only(&path, &checkpoint.encode()).map_err(io_error(&path))?;
        self.trim()
    }

    fn trim(&self) -> Result<(), CheckpointError> {
        let mut positions: Vec<Offset> = self
            .listing()?
            .into_iter()
            .filter_map(|name| if let ObjectName::At(position) = name { Some(position) } else { None })
            .collect();
        positions.sort_unstable();
        let old = positions.len().saturating_sub(KEEP_NEWEST);
        for position in &positions[..old] {
            let path = self.folder.join(self.task.object(*position));
            fs::remove_file(&path).map_err(io_error(&path))?;
        }
        Ok(())
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |error| CheckpointError::Io { path, error }
}

/// Writes a file that must not exist yet; one that does is left as it is. It appears whole or not at all.
fn create_only(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let mut file = fs::File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    drop(file);
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(lines: u64) -> Edge {
        Edge { inputs: Vec::new(), written: vec![Written { bytes: lines, lines }], complete: false }
    }

    #[test]
    fn the_newest_readable_one_is_loaded_and_three_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 7).unwrap().0;
        assert!(store.newest().unwrap().is_none());
        for position in 1..=5 {
            store.put(Offset(position), &edge(position), b"state").unwrap();
        }
        assert_eq!(store.listing().unwrap().len(), KEEP_NEWEST);
        let newest = folder.path().join(store.task.object(Offset(5)));
        let mut bytes = fs::read(&newest).unwrap();
        bytes[20] ^= 1;
        fs::write(&newest, bytes).unwrap();
        let loaded = store.newest().unwrap().unwrap();
        assert_eq!((loaded.position, loaded.edge, loaded.machine.as_slice()), (Offset(4), edge(4), &b"state"[..]));
        assert_eq!(loaded.damaged.len(), 1);
        // The damaged one is in nobody's way.
        assert!(store.newest().unwrap().unwrap().damaged.is_empty());
        store.put(Offset(5), &edge(5), b"again").unwrap();
        assert_eq!(store.newest().unwrap().unwrap().machine, b"again");
        assert_eq!(store.listing().unwrap().len(), KEEP_NEWEST);
    }

    #[test]
    fn an_object_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 7).unwrap().0;
        store.put(Offset(1), &edge(1), b"first").unwrap();
        store.put(Offset(1), &edge(1), b"second").unwrap();
        assert_eq!(store.newest().unwrap().unwrap().machine, b"first");
    }

    #[test]
    fn another_definition_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path(), 7).unwrap();
        assert!(matches!(Store::open(folder.path(), 8), Err(CheckpointError::OtherGeneration { .. })));
    }
}
