//! What a checkpoint says about the inputs of a run that goes on from it. The set of inputs of one output folder is fixed.

use super::checkpoint::Edge;
use super::input::{Binding, InputError, Partition, Place, ReadState, expand, file_is_compressed, open};
use super::run::RunError;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// The inputs of a run that goes on: those of the checkpoint. Files that a glob matches only now are left out.
///
/// # Errors
/// [`RunError::Stdin`], [`RunError::Gone`] and [`RunError::OtherInputs`].
pub fn inputs(edge: &Edge, partitions: &[Partition], globs: &[Binding]) -> Result<Vec<Partition>, RunError> {
    if partitions.iter().any(|partition| partition.place == Place::Stdin) {
        return Err(RunError::Stdin);
    }
    let before: Vec<&str> = edge.inputs.iter().map(|input| input.place.as_str()).collect();
    let left_out: BTreeSet<String> = later(globs, &before).into_iter().collect();
    let mut kept: Vec<Partition> = Vec::with_capacity(before.len());
    for partition in partitions.iter().filter(|partition| !left_out.contains(&partition.place.to_string())) {
        let number = kept.iter().filter(|other| other.source == partition.source).count();
        kept.push(Partition { number: u32::try_from(number).unwrap_or(u32::MAX), ..partition.clone() });
    }
    let now: Vec<String> = kept.iter().map(|partition| partition.place.to_string()).collect();
    if before.iter().copied().eq(now.iter().map(String::as_str)) {
        return Ok(kept);
    }
    let gone = before.iter().find(|place| !now.iter().any(|now| now == *place) && !Path::new(place).exists());
    Err(match gone {
        Some(place) => RunError::Gone { path: PathBuf::from(place) },
        None => RunError::OtherInputs { before: before.join(", "), now: now.join(", ") },
    })
}

/// Files that the globs match and that are not among the inputs.
pub fn later(globs: &[Binding], inputs: &[&str]) -> Vec<String> {
    // A glob that matches nothing any more has nothing to add here.
    let matches = globs.iter().flat_map(|glob| expand(std::slice::from_ref(glob)).unwrap_or_default());
    let names = matches.map(|partition| partition.place.to_string());
    names.filter(|name| !inputs.contains(&name.as_str())).collect()
}

/// A run that is complete has closed all its windows. It has nothing to do while its inputs are as they were; nothing
/// can be added to it.
///
/// # Errors
/// [`RunError::CompleteFollow`], [`RunError::Grown`], or [`RunError::Input`] when an input is another one now or cannot be read.
pub fn stay_complete(edge: &Edge, partitions: &[Partition], follow: bool) -> Result<(), RunError> {
    if follow {
        return Err(RunError::CompleteFollow);
    }
    for (input, partition) in edge.inputs.iter().zip(partitions) {
        let Place::File(path) = &partition.place else { continue };
        if !path.is_file() {
            // A pipe: what it gave is gone, and looking into it would wait for a writer.
            continue;
        }
        let bytes = length(path, &partition.place)?;
        if bytes > input.byte {
            return Err(RunError::Grown { path: path.clone(), bytes: bytes - input.byte });
        }
        if bytes < input.byte {
            let detail = format!("it has {bytes} bytes, {} had been read", input.byte);
            return Err(InputError::Replaced { path: path.clone(), detail }.into());
        }
    }
    Ok(())
}

/// Bytes of a file; of what is in it, if it is compressed.
fn length(path: &Path, place: &Place) -> Result<u64, InputError> {
    let fail = |error| InputError::Open { place: place.to_string(), error };
    if !file_is_compressed(path).map_err(fail)? {
        return Ok(std::fs::metadata(path).map_err(fail)?.len());
    }
    let damaged = |error| InputError::reading(place, ReadState::default(), error);
    io::copy(&mut open(place)?, &mut io::sink()).map_err(damaged)
}
