//! Standard input while other inputs go on: a thread of its own reads it, so that nobody waits for an empty pipe.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

/// Bytes that are read in one go.
const BLOCK: usize = 64 * 1024;
/// Blocks that may wait between the thread and the run; then the pipe waits too.
const WAITING: usize = 4;

/// A source that says [`io::ErrorKind::WouldBlock`] while it has nothing, and 0 bytes only at its end.
pub struct Piped {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: io::Cursor<Vec<u8>>,
}

impl Piped {
    /// Reads what `open` gives, in a thread of its own. The thread ends with its source, or with the process.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(open: impl FnOnce() -> io::Result<Box<dyn Read + Send>> + Send + 'static) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(WAITING);
        let pass_on = move || {
            let mut source = match open() {
                Ok(source) => source,
                // Nobody listens any more when sending fails.
                Err(error) => return drop(sender.send(Err(error))),
            };
            loop {
                let mut block = vec![0; BLOCK];
                let read = match source.read(&mut block) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let last = !matches!(read, Ok(bytes) if bytes > 0);
                let given = read.map(|bytes| {
                    block.truncate(bytes);
                    block
                });
                if sender.send(given).is_err() || last {
                    return;
                }
            }
        };
        thread::Builder::new().name("standard input".to_owned()).spawn(pass_on)?;
        Ok(Self { blocks, block: io::Cursor::default() })
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.block.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.block = match self.blocks.try_recv() {
                Ok(block) => io::Cursor::new(block?),
                Err(TryRecvError::Empty) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(TryRecvError::Disconnected) => return Ok(0),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LineReader, Truncate};
    use super::*;
    use std::io::Write;
    use std::time::{Duration, Instant};

    #[test]
    fn an_empty_pipe_would_block_and_its_last_line_needs_no_end() {
        let (pipe, mut writer) = io::pipe().unwrap();
        let source = Piped::start(move || Ok(Box::new(pipe))).unwrap();
        let mut reader = LineReader::new(Box::new(source), 100);
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut wait = |lines: &mut Vec<Vec<u8>>, count: usize| {
            let started = Instant::now();
            while lines.len() < count && started.elapsed() < Duration::from_secs(20) {
                match reader.ready(&mut Truncate) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(5)),
                    ready => {
                        ready.unwrap();
                        lines.push(reader.take_ready(&mut Truncate).unwrap().unwrap().bytes.to_vec());
                    }
                }
            }
        };
        writer.write_all(b"one\ntw").unwrap();
        wait(&mut lines, 1);
        assert_eq!(lines, [b"one"]);
        writer.write_all(b"o\nthree").unwrap();
        wait(&mut lines, 2);
        drop(writer);
        wait(&mut lines, 3);
        assert_eq!(lines, [&b"one"[..], b"two", b"three"]);
    }
}
