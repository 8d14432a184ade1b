use super::*;

#[test]
fn a_group_counts_only_when_it_is_exactly_a_true_group() {
    let truth = ["a", "a", "b", "b", "c"];
    assert_eq!(grouping_accuracy(&[1, 1, 2, 2, 3], &truth), 1.0);
    assert_eq!(grouping_accuracy(&[1, 1, 1, 1, 3], &truth), 0.2);
    assert_eq!(grouping_accuracy(&[1, 9, 2, 2, 3], &truth), 0.6);
    assert_eq!(grouping_accuracy::<u8, u8>(&[], &[]), 1.0);
}

#[test]
fn csv_fields_may_hold_quotes_commas_and_line_ends() {
    let rows = csv_rows(b"A,B\r\n1,\"x, \"\"y\"\"\"\n2,\"two\nlines\"");
    let expected: [[&[u8]; 2]; 3] = [[b"A", b"B"], [b"1", b"x, \"y\""], [b"2", b"two\nlines"]];
    assert_eq!(rows, expected.map(|row| row.map(<[u8]>::to_vec).to_vec()));
}

fn data_folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join("shared/data");
    let folder = std::env::var_os("LOGLOOM_DATA").map_or(root, PathBuf::from).join("loghub");
    if !folder.is_dir() {
        eprintln!("skipped: no LogHub data in {} (set LOGLOOM_DATA)", folder.display());
        return None;
    }
    Some(folder)
}

/// Published figures are rounded to three digits.
const ROUNDING: f64 = 0.000_51;

#[test]
fn accuracy_on_loghub_is_not_below_the_published_figures() {
    let Some(folder) = data_folder() else { return };
    let mut systems = 0;
    let mut sum = 0.0;
    for preset in &PRESETS {
        let Some(data) = DataSet::read(&folder, preset).unwrap() else { continue };
        assert_eq!(data.odd_headers, 0, "{}: headers read otherwise than published", preset.system);
        let accuracy = |settings: &Settings| grouping_accuracy(&groups(&data.contents, settings).unwrap(), &data.truth);
        let (drain, defaults) = (accuracy(&preset.settings()), accuracy(&Settings::default()));
        let published = preset.published.drain;
        assert!((drain - published).abs() <= ROUNDING, "{}: Drain {drain}, published {published}", preset.system);
        assert!(defaults >= published - ROUNDING, "{}: {defaults}, published {published}", preset.system);
        systems += 1;
        sum += defaults;
    }
    let average = sum / f64::from(systems);
    assert!(average > 0.98, "{average} over {systems} systems");
}
