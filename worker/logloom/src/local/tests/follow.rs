//! Runs that are continued with `--follow` and without, in any order, read every line once.

use super::*;

/// Lines of which each is told from the others.
fn numbered(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| line("2026-01-01T00:00:00Z", "cart", &format!("h{number}"))).collect()
}

impl Site {
    fn append(&self, text: &str) {
        let mut file = File::options().create(true).append(true).open(self.input()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// A run that is asked to stop at its first look.
    fn run_and_stop(&self, follow: bool) -> Summary {
        let summary = self.run_to(&self.out(), follow, &AtomicBool::new(true)).unwrap();
        assert!(!summary.complete);
        summary
    }

    fn rotate(&self) {
        fs::rename(self.input(), self.folder.path().join("app.log.1")).unwrap();
    }

    /// The events are those of one run over `input`.
    fn read_as_one_file(&self, input: &str) {
        let whole = Site::with(input.as_bytes());
        whole.run();
        let events = |site: &Site| fs::read_to_string(site.out().join("events.jsonl")).unwrap();
        assert!(events(self) == events(&whole), "{} lines", events(self).lines().count());
    }
}

#[test]
fn a_followed_run_that_goes_on_without_follow_reads_every_line_once_and_ends() {
    let site = Site::with(numbered(0..100).as_bytes());
    assert_eq!(site.run_and_stop(true).lines, 100);
    site.append(&numbered(100..150));
    assert_eq!(site.run_and_stop(true).lines, 50);
    site.append(&numbered(150..200));
    site.rotate();
    site.append(numbered(200..210).trim_end());
    let summary = site.run();
    assert_eq!((summary.lines, summary.complete, summary.unaccounted), (60, true, 0));
    site.read_as_one_file(&numbered(0..210));
}

#[test]
fn an_unfinished_line_of_a_rotated_file_is_read_without_follow_too() {
    let site = Site::with(numbered(0..10).trim_end().as_bytes());
    assert_eq!(site.run_and_stop(true).lines, 9);
    site.rotate();
    site.append(&numbered(10..20));
    assert_eq!(site.run().lines, 11);
    site.read_as_one_file(&numbered(0..20));
}

#[test]
fn a_run_that_goes_on_with_follow_reads_every_line_once() {
    let site = Site::with(numbered(0..20_000).as_bytes());
    let first = site.run_and_stop(false).lines;
    assert!((1..19_000).contains(&first), "{first}");
    let mut read = first + site.run_and_stop(true).lines;
    site.rotate();
    site.append(&numbered(20_000..20_010));
    read += site.run().lines;
    assert_eq!(read, 20_010);
    site.read_as_one_file(&numbered(0..20_010));
}

#[test]
fn a_run_that_was_not_followed_ends_with_the_file_it_began() {
    let site = Site::with(numbered(0..20_000).as_bytes());
    let first = site.run_and_stop(false).lines;
    site.rotate();
    site.append(&numbered(20_000..20_010));
    assert_eq!(first + site.run().lines, 20_000);
    site.read_as_one_file(&numbered(0..20_000));
}

#[test]
fn a_compressed_file_is_not_followed() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(numbered(0..5).as_bytes()).unwrap();
    let site = Site::with(&encoder.finish().unwrap());
    let error = site.run_to(&site.out(), true, &AtomicBool::new(true)).unwrap_err().to_string();
    assert!(error.contains("app.log") && error.contains("compressed") && error.contains("--follow"), "{error}");
    assert_eq!(site.run().lines, 5);
}
