//! Lines in the order in which a collector would hand them over.
//!
//! A line arrives some time after it was written, so a file is nearly in order of time, not quite. Lines are held until
//! nothing can come before them.

use std::io::{self, Write};

struct Waiting {
    arrives: i64,
    file: usize,
    text: String,
}

/// Lines that have not arrived yet, and the files that they go to.
pub struct Arrivals<W> {
    waiting: Vec<Waiting>,
    files: Vec<W>,
    lines: u64,
}

impl<W: Write> Arrivals<W> {
    /// Lines for these files.
    pub fn new(files: Vec<W>) -> Self {
        Self { waiting: Vec::new(), files, lines: 0 }
    }

    /// A line for the file with this number.
    pub fn push(&mut self, arrives: i64, file: usize, text: String) {
        self.waiting.push(Waiting { arrives, file, text });
    }

    /// Writes the lines that arrive before `until`. Lines that arrive at one instant keep their order.
    ///
    /// # Errors
    /// Those of the file.
    pub fn advance(&mut self, until: i64) -> io::Result<()> {
        self.waiting.sort_by_key(|line| line.arrives);
        let due = self.waiting.partition_point(|line| line.arrives < until);
        for line in self.waiting.drain(..due) {
            let Some(file) = self.files.get_mut(line.file) else { continue };
            file.write_all(line.text.as_bytes())?;
            file.write_all(b"\n")?;
            self.lines += 1;
        }
        Ok(())
    }

    /// Writes what is left; gives the number of lines.
    ///
    /// # Errors
    /// Those of the files.
    pub fn finish(mut self) -> io::Result<u64> {
        self.advance(i64::MAX)?;
        for file in &mut self.files {
            file.flush()?;
        }
        Ok(self.lines)
    }
}
