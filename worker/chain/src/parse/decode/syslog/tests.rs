use proptest::prelude::*;

use super::*;
use crate::parse::decode::testing;

fn extract(form: SyslogForm, names: &[&str], text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
    let compile = |wanted: &Wanted<'_>| SyslogDecoder::compile(form, wanted);
    testing::extract(names, text.as_ref(), compile, SyslogDecoder::decode)
}

/// Time, host, program, process, message.
fn bsd(text: &str) -> Vec<String> {
    extract(SyslogForm::Bsd, &["timestamp", "hostname", "appname", "procid", "message"], text).unwrap()
}

#[test]
fn bsd_lines_with_and_without_their_parts() {
    assert_eq!(
        bsd("<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed"),
        ["'Oct 11 22:14:15'", "'mymachine'", "'su'", "'230'", r"'\'su root\' failed'"]
    );
    assert_eq!(
        bsd("Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user"),
        ["'Dec 10 06:55:46'", "'LabSZ'", "'sshd'", "'24200'", "'Invalid user'"]
    );
    assert_eq!(
        bsd("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!"),
        ["'Feb  5 17:32:18'", "'10.0.0.99'", "Absent", "Absent", "'Use the BFG!'"]
    );
    assert_eq!(
        bsd("<6>Jun  9 06:06:20 kernel: klogd 1.4.1 started"),
        ["'Jun  9 06:06:20'", "Absent", "'kernel'", "Absent", "'klogd 1.4.1 started'"]
    );
    assert_eq!(
        bsd("Jun 14 15:16:01 combo su(pam_unix)[19939]: check pass"),
        ["'Jun 14 15:16:01'", "'combo'", "'su(pam_unix)'", "'19939'", "'check pass'"]
    );
    assert_eq!(bsd("Jul  1 09:00:55 host fe80::1: up"), ["'Jul  1 09:00:55'", "'host'", "'fe80::1'", "Absent", "'up'"]);
    assert_eq!(bsd("Jul  1 09:00:55 fe80::1 sshd: up")[1..3], ["'fe80::1'", "'sshd'"]);
    assert_eq!(bsd("Jul  1 09:00:55 host app[12] started")[2..], ["'app'", "'12'", "'started'"]);
    assert_eq!(bsd("Jul  1 09:00:55")[4], "''");
}

#[test]
fn bsd_times_with_year_fraction_and_iso() {
    for (line, time) in [
        ("<34>Oct 11 2026 22:14:15 h app: m", "'Oct 11 2026 22:14:15'"),
        ("<34>Oct 11 22:14:15 2026 h app: m", "'Oct 11 22:14:15 2026'"),
        ("<34>Oct 11 22:14:15.123 h app: m", "'Oct 11 22:14:15.123'"),
        ("<34>*Oct 11 22:14:15.123: h app: m", "'Oct 11 22:14:15.123'"),
        ("2026-10-11T22:14:15.003456+02:00 h app: m", "'2026-10-11T22:14:15.003456+02:00'"),
    ] {
        assert_eq!(bsd(line), [time, "'h'", "'app'", "Absent", "'m'"], "{line}");
    }
    // A host that is a number is not a year.
    assert_eq!(bsd("Oct 11 22:14:15 1234 app: m")[1], "'1234'");
}

#[test]
fn priority_is_taken_apart() {
    let names = ["priority", "facility", "severity", "facilityName", "severityName"];
    let found = extract(SyslogForm::Either, &names, "<165>Oct 11 22:14:15 h a: m").unwrap();
    assert_eq!(found, ["Int(165)", "Int(20)", "Int(5)", "'local4'", "'notice'"]);
}

#[test]
fn ietf_lines_with_structured_data() {
    let line = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 \
        [exampleSDID@32473 iut=\"3\" eventSource=\"App\\\"li\\]cation\\n\"][e.x@1 a.b=\"1\"] \u{feff}An event";
    let names = [
        "version",
        "timestamp",
        "hostname",
        "appname",
        "procid",
        "msgid",
        "sd.exampleSDID@32473.iut",
        "sd.exampleSDID@32473.eventSource",
        "sd.e.x@1.a.b",
        "message",
        "sd.none.x",
    ];
    assert_eq!(
        extract(SyslogForm::Ietf, &names, line).unwrap(),
        [
            "Int(1)",
            "'2003-10-11T22:14:15.003Z'",
            "'mymachine.example.com'",
            "'evntslog'",
            "Absent",
            "'ID47'",
            "'3'",
            r#"'App\"li]cation\\n'"#,
            "'1'",
            "'An event'",
            "Absent",
        ]
    );
}

#[test]
fn ietf_lines_without_structured_data_or_message() {
    let names = ["hostname", "message", "sd"];
    assert_eq!(extract(SyslogForm::Ietf, &names, "<34>1 - - - - - - text").unwrap(), ["Absent", "'text'", "Absent"]);
    assert_eq!(extract(SyslogForm::Ietf, &names, "<34>1 - h - - - [a]").unwrap(), ["'h'", "''", "'[a]'"]);
}

#[test]
fn either_form_is_told_apart_by_the_version() {
    let names = ["version", "hostname", "message"];
    let either = |line: &str| extract(SyslogForm::Either, &names, line).unwrap();
    assert_eq!(either("<34>1 2003-10-11T22:14:15Z h - - - - m"), ["Int(1)", "'h'", "'m'"]);
    assert_eq!(either("<34>Oct 11 22:14:15 h m"), ["Absent", "'h'", "'m'"]);
    assert_eq!(either("<34>2003-10-11T22:14:15Z h a: m"), ["Absent", "'h'", "'m'"]);
    assert_eq!(either("59 <34>1 2003-10-11T22:14:15Z h - - - - m"), ["Int(1)", "'h'", "'m'"]);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let fault =
        |form, line: &str| extract(form, &["message"], line).map_err(|fault| (fault.at, fault.kind)).unwrap_err();
    assert_eq!(fault(SyslogForm::Either, ""), (0, FaultKind::Empty));
    let limit = MAX_PRIORITY;
    assert_eq!(fault(SyslogForm::Either, "<192>x"), (1, FaultKind::OutOfRange { what: "priority", found: 192, limit }));
    assert_eq!(fault(SyslogForm::Bsd, "<34>hello world").0, 4);
    assert_eq!(fault(SyslogForm::Ietf, "Oct 11 22:14:15 h m").0, 0);
    assert_eq!(
        fault(SyslogForm::Ietf, "<34>1 2003-10-11T22:14:15Z h"),
        (28, FaultKind::Truncated { inside: "an application name" })
    );
    assert_eq!(fault(SyslogForm::Ietf, "<34>1 - - - - - [a b=\"c").1, FaultKind::Truncated { inside: "a quoted text" });
    assert_eq!(fault(SyslogForm::Ietf, "<34>1 - - - - - [a b=\"c\"]x").0, 25);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in "[<>0-9 :A-Zoct\\[\\]\"=-]{0,40}") {
        let names = ["timestamp", "hostname", "appname", "procid", "message", "sd.a.b", "sd"];
        for form in [SyslogForm::Bsd, SyslogForm::Ietf, SyslogForm::Either] {
            let _ = extract(form, &names, &bytes);
            let _ = extract(form, &names, &text);
            let _ = extract(form, &names, [b"<34>Oct 11 ".as_slice(), &bytes].concat());
            let _ = extract(form, &names, [b"Oct 11 22:14:15 ".as_slice(), text.as_bytes()].concat());
            let _ = extract(form, &names, [b"<34>1 - - - - - [".as_slice(), &bytes].concat());
        }
    }
}
