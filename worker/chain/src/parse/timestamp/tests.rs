//! Formats, zones, years and bounds, case by case; and against jiff.

use super::*;
use logloom_crds::units::Duration;
use proptest::prelude::*;

fn rule(formats: &[&str], zone: &str) -> TimestampRule {
    TimestampRule {
        formats: formats.iter().map(|format| (*format).into()).collect(),
        zone: zone.into(),
        ..TimestampRule::default()
    }
}

fn compiled(formats: &[&str], zone: &str) -> TimeRule {
    TimeRule::compile(&rule(formats, zone)).unwrap()
}

fn read(format: &str, text: &str) -> Result<EventTime, TimeError> {
    read_in(format, text, "UTC")
}

fn read_in(format: &str, text: &str, zone: &str) -> Result<EventTime, TimeError> {
    let stamp = compiled(&[format], zone).read(Extracted::Text(text.as_bytes()), None, TimeHint(None));
    stamp.map(|stamp| stamp.time)
}

/// An instant as RFC 3339, by jiff.
fn at(text: &str) -> EventTime {
    EventTime(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

#[test]
fn rfc3339_in_its_variants() {
    let cases = [
        ("2023-01-29T09:35:38.387636821Z", "2023-01-29T09:35:38.387636Z"),
        ("2023-01-29T09:35:38Z", "2023-01-29T09:35:38Z"),
        ("2023-01-29t09:35:38z", "2023-01-29T09:35:38Z"),
        ("2023-01-29 09:35:38,5+08:00", "2023-01-29T01:35:38.5Z"),
        ("2023-01-29T09:35:38.000001-0330", "2023-01-29T13:05:38.000001Z"),
        ("2023-01-29T09:35:38+08", "2023-01-29T01:35:38Z"),
        ("2023-01-29 09:35:38.123456789012 +0000", "2023-01-29T09:35:38.123456Z"),
        ("2023-01-29 09:35:38", "2023-01-29T09:35:38Z"),
        ("  2023-01-29T09:35:38Z\n", "2023-01-29T09:35:38Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00Z"),
    ];
    for (text, expected) in cases {
        assert_eq!(read("rfc3339", text), Ok(at(expected)), "{text}");
    }
    let bad = [
        "",
        "2023",
        "2023-01-29",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2023-04-31T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "2023-01-29T24:00:00Z",
        "2023-01-29T00:60:00Z",
        "2023-01-29T00:00:61Z",
        "2023-01-29T00:00:00.Z",
        "2023-01-29T00:00:00+",
        "2023-01-29T00:00:00+25:00",
        "2023-01-29T00:00:00Zx",
        "2023-01-29X00:00:00Z",
        "2023-01-29T00:00:0xZ",
        "-023-01-29T00:00:00Z",
        "2023-01-29T00:00:00 ",
        "2023-01-29T00:00:00.5.5Z",
    ];
    for text in bad {
        // Blanks around a time do not count, so a trailing one is no fault.
        let expected = if text.ends_with(' ') { Ok(at("2023-01-29T00:00:00Z")) } else { Err(TimeError::Unreadable) };
        assert_eq!(read("rfc3339", text), expected, "{text}");
    }
}

#[test]
fn numbers_since_the_epoch() {
    let expected = Ok(at("2023-01-29T09:35:38.387636Z"));
    let cases = [
        ("unix_s", "1674984938.387636821"),
        ("unix_ms", "1674984938387.636821"),
        ("unix_us", "1674984938387636"),
        ("unix_us", "1674984938387636.9"),
        ("unix_ns", "1674984938387636821"),
        ("unix_auto", "1674984938.387636"),
        ("unix_auto", "1674984938387.636"),
        ("unix_auto", "1674984938387636"),
        ("unix_auto", "1674984938387636821"),
        ("unix_auto", "+1674984938387636821"),
    ];
    for (format, text) in cases {
        assert_eq!(read(format, text), expected, "{format} {text}");
    }
    let number = |format, value| compiled(&[format], "UTC").read(value, None, TimeHint(None)).map(|stamp| stamp.time);
    assert_eq!(number("unix_ns", Extracted::Int(1_674_984_938_387_636_821)), expected);
    assert_eq!(number("unix_auto", Extracted::Int(1_674_984_938)), Ok(at("2023-01-29T09:35:38Z")));
    assert_eq!(number("unix_s", Extracted::Float(1_674_984_938.387_636)), expected);
    assert_eq!(number("unix_auto", Extracted::Float(1_674_984_938_387.636)), expected);
    assert_eq!(number("unix_s", Extracted::Float(f64::NAN)), Err(TimeError::Unreadable));
    assert_eq!(number("unix_s", Extracted::Float(1e300)), Err(TimeError::OutOfRange));
    assert_eq!(number("unix_s", Extracted::Int(i64::MAX)), Err(TimeError::OutOfRange));
    assert_eq!(number("unix_s", Extracted::Int(i64::MIN)), Err(TimeError::OutOfRange));
    assert_eq!(number("unix_s", Extracted::Bool(true)), Err(TimeError::Unreadable));
    assert_eq!(number("unix_s", Extracted::Null), Err(TimeError::Missing));
    assert_eq!(number("unix_s", Extracted::Absent), Err(TimeError::Missing));
    for text in ["", "-", ".5", "1.", "12x", "0x10", "1e9", "--1", "1.5.5"] {
        let expected = if text == "1." { Err(TimeError::OutOfRange) } else { Err(TimeError::Unreadable) };
        assert_eq!(read("unix_s", text), expected, "{text}");
    }
    assert_eq!(read("unix_ns", &"9".repeat(400)), Err(TimeError::OutOfRange));
}

#[test]
fn the_forms_that_systems_write() {
    let cases = [
        ("clf", "29/Jan/2023:09:35:38 +0800", "2023-01-29T01:35:38Z"),
        ("clf", "[29/Jan/2023:09:35:38 -0000]", "2023-01-29T09:35:38Z"),
        ("rfc1123", "Sun, 29 Jan 2023 09:35:38 GMT", "2023-01-29T09:35:38Z"),
        ("log4j", "2015-10-18 18:01:47,978", "2015-10-18T18:01:47.978Z"),
        ("log4j", "2015-10-18 18:01:47.978", "2015-10-18T18:01:47.978Z"),
        ("%y%m%d %H%M%S", "081109 203615", "2008-11-09T20:36:15Z"),
        ("%y/%m/%d %H:%M:%S", "17/06/09 20:10:40", "2017-06-09T20:10:40Z"),
        ("%a %b %d %H:%M:%S %Y", "Sun Dec 04 04:47:44 2005", "2005-12-04T04:47:44Z"),
        ("%Y-%m-%d-%H.%M.%S.%f", "2005-06-03-15.42.50.675872", "2005-06-03T15:42:50.675872Z"),
        ("%Y-%m-%d-%H.%M.%S.%6f", "2005-06-03-15.42.50.675872", "2005-06-03T15:42:50.675872Z"),
        ("%Y-%m-%d %H:%M:%S%.f", "2017-05-16 00:00:00.008", "2017-05-16T00:00:00.008Z"),
        ("%Y.%m.%d", "2005.11.09", "2005-11-09T00:00:00Z"),
        ("%s", "1117838570", "2005-06-03T22:42:50Z"),
        ("%s.%3f", "1117838570.125", "2005-06-03T22:42:50.125Z"),
        ("%D %I:%M:%S %p", "01/29/23 12:05:06 am", "2023-01-29T00:05:06Z"),
        ("%D %I:%M:%S %p", "01/29/23  1:05:06 PM", "2023-01-29T13:05:06Z"),
        ("%Y-%j %R", "2024-060 10:20", "2024-02-29T10:20:00Z"),
        ("%A, %B %e, %Y %T", "Sunday, January  9, 2022 01:02:03", "2022-01-09T01:02:03Z"),
        ("%F%n%T%:z", "2023-01-29   09:35:38+08:00", "2023-01-29T01:35:38Z"),
        ("%F %T %Z", "2023-01-29 09:35:38 CET", "2023-01-29T09:35:38Z"),
        ("100%% %F", "100% 2023-01-29", "2023-01-29T00:00:00Z"),
        ("%y", "", ""),
    ];
    for (format, text, expected) in cases {
        if expected.is_empty() {
            assert!(TimeRule::compile(&rule(&[format], "UTC")).is_err());
        } else {
            assert_eq!(read(format, text), Ok(at(expected)), "{format}: {text}");
        }
    }
    let bad = [
        ("%y%m%d %H%M%S", "081109203615"),
        ("%y%m%d %H%M%S", "081309 203615"),
        ("%F %T", "2023-01-29 09:35:38 UTC"),
        ("%F %T", "2023-01-29"),
        ("%b %d %Y", "Foo 01 2023"),
        ("%Y-%m-%d-%H.%M.%S.%6f", "2005-06-03-15.42.50.67587"),
        ("clf", "29/Jan/2023:09:35:38"),
        ("%Y-%j", "2023-366"),
        ("%Y-%j", "2023-000"),
    ];
    for (format, text) in bad {
        assert_eq!(read(format, text), Err(TimeError::Unreadable), "{format}: {text}");
    }
}

#[test]
fn a_number_can_be_in_a_pattern() {
    let stamp = compiled(&["%Y%m%d%H%M%S"], "UTC").read(Extracted::Int(20_230_129_093_538), None, TimeHint(None));
    assert_eq!(stamp.unwrap().time, at("2023-01-29T09:35:38Z"));
}

#[test]
fn formats_are_tried_in_order() {
    let rule = compiled(&["rfc3339", "unix_ms", "%d.%m.%Y"], "UTC");
    for (text, expected) in [
        ("2023-01-29T09:35:38Z", "2023-01-29T09:35:38Z"),
        ("1674984938387", "2023-01-29T09:35:38.387Z"),
        ("29.1.2023", "2023-01-29T00:00:00Z"),
    ] {
        assert_eq!(rule.read(Extracted::Text(text.as_bytes()), None, TimeHint(None)).unwrap().time, at(expected));
    }
}

#[test]
fn a_zone_counts_only_for_times_without_an_offset() {
    assert_eq!(read_in("rfc3339", "2023-07-01T12:00:00", "+08:00"), Ok(at("2023-07-01T04:00:00Z")));
    assert_eq!(read_in("rfc3339", "2023-07-01T12:00:00Z", "+08:00"), Ok(at("2023-07-01T12:00:00Z")));
    assert_eq!(read_in("rfc3339", "2023-07-01T12:00:00", "Europe/Vienna"), Ok(at("2023-07-01T10:00:00Z")));
    assert_eq!(read_in("rfc3339", "2023-01-01T12:00:00", "Europe/Vienna"), Ok(at("2023-01-01T11:00:00Z")));
    assert_eq!(read_in("%F %T %Z", "2023-07-01 12:00:00 CEST", "Europe/Vienna"), Ok(at("2023-07-01T10:00:00Z")));
    assert_eq!(read_in("%F %T %Z", "2023-07-01 12:00:00 GMT", "Europe/Vienna"), Ok(at("2023-07-01T12:00:00Z")));
    assert_eq!(read_in("%s", "1117838570", "Europe/Vienna"), Ok(at("2005-06-03T22:42:50Z")));
}

#[test]
fn in_a_gap_the_offset_before_it_counts_and_in_a_fold_the_earlier_instant() {
    // Vienna, 2023: 02:00 to 03:00 is skipped on 26 March, and comes twice on 29 October.
    assert_eq!(read_in("rfc3339", "2023-03-26T02:30:00", "Europe/Vienna"), Ok(at("2023-03-26T01:30:00Z")));
    assert_eq!(read_in("rfc3339", "2023-10-29T02:30:00", "Europe/Vienna"), Ok(at("2023-10-29T00:30:00Z")));
}

fn without_year(text: &str, received: Option<&str>, hint: Option<&str>) -> Result<EventTime, TimeError> {
    let rule = compiled(&["syslog"], "UTC");
    rule.read(Extracted::Text(text.as_bytes()), received.map(at), TimeHint(hint.map(at))).map(|stamp| stamp.time)
}

#[test]
fn a_time_without_a_year_goes_to_the_nearest() {
    let received = |text, time| without_year(text, Some(time), Some("1999-06-06T00:00:00Z"));
    assert_eq!(received("Jan  9 09:35:38", "2023-01-09T09:36:00Z"), Ok(at("2023-01-09T09:35:38Z")));
    assert_eq!(received("Dec 31 23:59:59", "2023-01-01T00:00:05Z"), Ok(at("2022-12-31T23:59:59Z")));
    assert_eq!(received("Jan  1 00:00:05", "2022-12-31T23:59:59Z"), Ok(at("2023-01-01T00:00:05Z")));
    assert_eq!(received("Jan 1 00:00:05.25", "2022-12-31T23:59:59Z"), Ok(at("2023-01-01T00:00:05.25Z")));
    assert_eq!(received("Jan  9 2021 09:35:38", "2023-01-09T09:36:00Z"), Err(TimeError::Unreadable));
    assert_eq!(received("2021 Jan  9 09:35:38", "2023-01-09T09:36:00Z"), Ok(at("2021-01-09T09:35:38Z")));
    assert_eq!(received("Jan  9 09:35:38 2021", "2023-01-09T09:36:00Z"), Ok(at("2021-01-09T09:35:38Z")));
}

#[test]
fn the_last_event_tells_the_year_where_the_source_does_not() {
    assert_eq!(without_year("Jan  1 00:00:05", None, Some("2005-12-31T23:59:59Z")), Ok(at("2006-01-01T00:00:05Z")));
    assert_eq!(without_year("Jan  1 00:00:05", None, None), Err(TimeError::WithoutYear));
    let fixed = TimeRule::compile(&TimestampRule { default_year: DefaultYear::Year(2005), ..rule(&["syslog"], "UTC") });
    let fixed = fixed.unwrap();
    let stamp = fixed.read(Extracted::Text(b"Nov  9 12:01:01"), None, TimeHint(None)).unwrap();
    assert_eq!(stamp.time, at("2005-11-09T12:01:01Z"));
    assert!(!fixed.needs_reference() && compiled(&["rfc3339", "syslog"], "UTC").needs_reference());
}

#[test]
fn a_leap_day_goes_to_a_leap_year() {
    let received = |time| without_year("Feb 29 12:00:00", Some(time), None);
    assert_eq!(received("2024-03-01T00:00:00Z"), Ok(at("2024-02-29T12:00:00Z")));
    assert_eq!(received("2023-03-01T00:00:00Z"), Ok(at("2023-03-01T00:00:00Z")), "2024 is beyond maxFuture: clamped");
    assert_eq!(received("2025-03-01T00:00:00Z"), Ok(at("2024-02-29T12:00:00Z")));
    assert_eq!(received("1903-03-01T00:00:00Z"), Ok(at("1903-03-01T00:00:00Z")));
    assert_eq!(received("1899-03-01T00:00:00Z"), Ok(at("1896-02-29T12:00:00Z")), "1900 was none");
}

#[test]
fn bounds_are_against_the_time_of_receipt() {
    let bounded = TimeRule::compile(&TimestampRule {
        max_future: Duration::from_secs(60),
        max_age: Some(Duration::from_secs(3_600)),
        ..rule(&["rfc3339"], "UTC")
    })
    .unwrap();
    let received = at("2023-01-29T12:00:00Z");
    let read = |text: &str| bounded.read(Extracted::Text(text.as_bytes()), Some(received), TimeHint(None));
    let stamp = |time: &str| Ok(Stamp { time: at(time), clamped: false });
    assert_eq!(read("2023-01-29T12:01:00Z"), stamp("2023-01-29T12:01:00Z"));
    assert_eq!(read("2023-01-29T12:01:00.000001Z"), Ok(Stamp { time: received, clamped: true }));
    assert_eq!(read("9999-12-31T23:59:59Z"), Ok(Stamp { time: received, clamped: true }));
    assert_eq!(read("2023-01-29T11:00:00Z"), stamp("2023-01-29T11:00:00Z"));
    assert_eq!(read("2023-01-29T10:59:59Z"), Err(TimeError::TooOld(at("2023-01-29T10:59:59Z"))));
    assert_eq!(read("1970-01-01T00:00:00Z"), Err(TimeError::TooOld(EventTime(0))));
    let unbounded = compiled(&["rfc3339"], "UTC");
    let old = unbounded.read(Extracted::Text(b"0000-01-01T00:00:00Z"), Some(received), TimeHint(None));
    assert_eq!(old.map(|stamp| stamp.clamped), Ok(false));
    for received in [EventTime::MIN, EventTime::MAX, EventTime(i64::MAX - 1), EventTime(i64::MIN + 1)] {
        let _ = bounded.read(Extracted::Text(b"2023-01-29T12:01:00Z"), Some(received), TimeHint(None));
        let _ = without_year("Jan  1 00:00:05", Some("9999-12-30T00:00:00Z"), None);
    }
}

#[test]
fn without_a_time_of_receipt_the_year_must_be_plausible() {
    assert_eq!(PLAUSIBLE, at("1971-01-01T00:00:00Z")..at("2200-01-01T00:00:00Z"));
    for text in ["9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "0000-01-01T00:00:00Z"] {
        assert_eq!(read("rfc3339", text), Err(TimeError::OutOfRange), "{text}");
    }
    assert!(read("rfc3339", "2199-12-31T23:59:59.999999Z").is_ok());
    assert_eq!(read_in("rfc3339", "9999-12-31T23:59:59", "America/New_York"), Err(TimeError::OutOfRange));
}

#[test]
fn what_cannot_be_a_rule_says_why() {
    let errors = |formats: &[&str], zone: &str| -> Vec<String> {
        TimeRule::compile(&rule(formats, zone)).unwrap_err().iter().map(ToString::to_string).collect()
    };
    let report = [
        errors(&["iso"], "Europe/Wien"),
        errors(&["rfc3339", "%H:%M:%S", "%Y-%m", "%Y %y %m %d", "%Q", "%", "%.q", "%5", "%?"], "UTC"),
        errors(&["%m %d %I"], "+08:00:00"),
        errors(&["%s %S"], "UTC"),
    ]
    .concat();
    insta::assert_snapshot!(report.join("\n"));
}

proptest! {
    #[test]
    fn civil_times_are_those_of_jiff(micros in -62_167_219_200_000_000i64..253_402_207_200_000_000) {
        let text = jiff::Timestamp::from_microsecond(micros).unwrap().to_string();
        let civil = rfc3339::read(text.as_bytes()).unwrap();
        prop_assert_eq!(civil.as_utc(), Ok(EventTime(micros)));
        let zoned = jiff::Timestamp::from_microsecond(micros).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        prop_assert_eq!(civil::year_of(EventTime(micros)), i32::from(zoned.year()));
    }

    #[test]
    fn zones_are_those_of_jiff(seconds in 0i64..7_000_000_000, place in prop::sample::select(vec!["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/Dublin"])) {
        let zoned = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(jiff::tz::TimeZone::get(place).unwrap());
        let text = zoned.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let expected = zoned.datetime().to_zoned(zoned.time_zone().clone()).unwrap().timestamp().as_microsecond();
        let rule = compiled(&["rfc3339"], place);
        prop_assert_eq!(rule.instant(Extracted::Text(text.as_bytes()), None), Ok(EventTime(expected)));
    }

    #[test]
    fn arbitrary_text_never_panics(text: Vec<u8>, format: String, number: i64, float: f64) {
        let formats = ["rfc3339", "unix_auto", "clf", "syslog", "%Y%m%d", "%a %b %?Y%e %I%p%.f%z"];
        let rule = compiled(&formats, "America/New_York");
        let hint = TimeHint(Some(EventTime(number)));
        for value in [Extracted::Text(&text), Extracted::Int(number), Extracted::Float(float)] {
            let _ = rule.read(value, None, hint);
            let _ = rule.read(value, Some(EventTime(number)), hint);
        }
        let _ = TimeRule::compile(&TimestampRule { formats: vec![format.as_str().into()], zone: format.as_str().into(), ..TimestampRule::default() });
        let _ = Pattern::compile(&format!("%{format}"));
    }

    #[test]
    fn near_misses_never_panic(text in "[0-9]{0,4}[-/. ]?([0-9]{2}|Jan|feb)[-/. ]?[0-9]{2}[T :]?[0-9:.,]{0,12}([zZ]|[+-][0-9:]{0,6})?") {
        for format in ["rfc3339", "unix_auto", "clf", "syslog", "log4j", "%y%m%d %H%M%S", "%Y %j"] {
            let _ = read(format, &text);
        }
    }
}
