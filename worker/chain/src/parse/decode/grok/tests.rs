use std::collections::BTreeMap;

use proptest::prelude::*;

use super::library::library;
use super::*;
use crate::parse::decode::error::{Fault, FaultKind};
use crate::parse::decode::testing;
use crate::parse::fields::SlotTable;

fn extract_with(
    definitions: &[(&str, &str)],
    pattern: &str,
    names: &[&str],
    text: impl AsRef<[u8]>,
) -> Result<Vec<String>, Fault> {
    let definitions: BTreeMap<&str, &str> = definitions.iter().copied().collect();
    let compile = |wanted: &Wanted<'_>| compile_grok(pattern, &definitions, wanted).unwrap().0;
    testing::extract(names, text.as_ref(), compile, |pattern, input, slots| {
        pattern.decode(input, &mut pattern.locations(), slots)
    })
}

fn extract(pattern: &str, names: &[&str], text: &str) -> Vec<String> {
    extract_with(&[], pattern, names, text).unwrap_or_else(|fault| panic!("{pattern} on `{text}`: {fault:?}"))
}

fn refused(definitions: &[(&str, &str)], pattern: &str) -> Problem {
    let definitions: BTreeMap<&str, &str> = definitions.iter().copied().collect();
    let wanted_nothing = SlotTable::new();
    compile_grok(pattern, &definitions, &Wanted::new(&wanted_nothing, "")).unwrap_err()
}

#[test]
fn the_library_is_large_and_every_pattern_of_it_compiles_with_all_its_fields() {
    let names: Vec<&str> = library().keys().copied().collect();
    assert!(names.len() >= 140, "{} patterns", names.len());
    for name in names {
        let mut table = SlotTable::new();
        let none = BTreeMap::new();
        let compiled = compile_grok(&format!("%{{{name}:whole}}"), &none, &Wanted::new(&table, ""));
        let (_, gives) = compiled.unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
        let Gives::Names { names, .. } = gives else { panic!("{name} gives anything") };
        names.iter().for_each(|field| {
            table.want(field);
        });
        let all = compile_grok(&format!("%{{{name}:whole}}"), &none, &Wanted::new(&table, ""));
        assert!(all.is_ok(), "{name} with all fields: {all:?}");
    }
}

/// Name, texts that are one as a whole, texts that are none.
const WHOLE: &[(&str, &[&str], &[&str])] = &[
    ("INT", &["0", "-12", "+7"], &["", "1.5", "x"]),
    ("NUMBER", &["0", "-1.5", ".5", "12"], &["1.", "e", "1e5"]),
    ("FLOATINGPOINT", &["1e5", "-2.5E-3", "7"], &["e5"]),
    ("BASE16NUM", &["0xFF", "dead"], &["xyz"]),
    ("POSINT", &["1", "90"], &["0", "01", "-1"]),
    ("WORD", &["abc_1"], &["a b", ""]),
    ("QS", &["\"a \\\" b\"", "'x'", "``"], &["\"a", "a"]),
    ("UUID", &["a994ac1b-af0a-44a8-a9d1-a768e1d6785d"], &["a994ac1b-af0a-44a8-a9d1"]),
    ("EMAILADDRESS", &["a.b+c@example.org"], &["a@", "@b"]),
    ("MAC", &["00:1b:44:11:3A:B7", "00-1B-44-11-3A-B7", "001b.4411.3ab7"], &["00:1b:44"]),
    ("IPV4", &["0.0.0.0", "255.255.255.255", "10.1.2.3"], &["256.1.1.1", "1.2.3", "1.2.3.4.5"]),
    (
        "IPV6",
        &["::", "::1", "fe80::1%eth0", "2001:db8:0:0:0:0:0:1", "2001:db8::8a2e:370:7334", "::ffff:10.0.0.1"],
        &["12:34:56", "1::2::3", "g::"],
    ),
    ("IP", &["10.0.0.1", "::1"], &["host"]),
    ("HOSTNAME", &["a", "web-1.example.org.", "ts-order-service-5b67c48447-mv5hb"], &["-a", "a b"]),
    ("HOSTPORT", &["10.0.0.1:80", "h:9092"], &["h", "h:0"]),
    ("UNIXPATH", &["/", "/var/log/app.log", "/a%20b"], &["a/b"]),
    ("WINPATH", &[r"C:\Users\x.log", r"\\server\share"], &["/a"]),
    ("PATH", &["/a/b", r"C:\a"], &["a"]),
    ("URI", &["http://example.org/a?b=c", "ftp://u:p@h:21/x", "https://[x"], &["//x"]),
    ("URIPATHPARAM", &["/a/b?x=1&y=[2]", "/"], &["?x"]),
    ("MONTH", &["Jan", "December", "Mar", "March"], &["Foo"]),
    ("YEAR", &["2026", "26"], &["026"]),
    ("TIME", &["23:59:60", "0:00:00.123", "12:00:00,5"], &["24:00:00", "12:60:00", "12:00"]),
    (
        "TIMESTAMP_ISO8601",
        &["2026-11-01T10:42:00Z", "2026-11-01 10:42:00,123", "2026-11-01T10:42+02:00", "2026-11-01T10:42:00.5+0200"],
        &["2026-13-01T10:42:00Z", "2026-11-01"],
    ),
    ("DATE", &["11/30/2026", "30.11.2026", "30-11-26"], &["2026"]),
    ("DATESTAMP_RFC2822", &["Sun, 1 Nov 2026 10:42:00 +0100"], &["1 Nov 2026"]),
    ("DATESTAMP_RFC822", &["Sun Nov 1 2026 10:42:00 UTC"], &[]),
    ("DATESTAMP_OTHER", &["Sun Nov 1 10:42:00 UTC 2026"], &[]),
    ("DATESTAMP_EVENTLOG", &["20261101104200"], &["2026"]),
    ("HTTPDATE", &["11/Oct/2026:22:14:15 +0200"], &["11/10/2026:22:14:15 +0200"]),
    ("SYSLOGTIMESTAMP", &["Oct 11 22:14:15", "Feb  5 17:32:18"], &["Oct 11"]),
    ("LOGLEVEL", &["INFO", "Warning", "err", "FATAL", "severe"], &["LOUD"]),
    ("JAVACLASS", &["o.s.OrderServiceImpl", "Main", "a.B$1"], &["1.A", "a."]),
    ("JAVAMETHOD", &["<init>", "get"], &["get()"]),
    ("UNIXTIME", &["1674984938", "1674984938387", "1674984938.387636"], &["167498"]),
    ("TRACEID", &["0493e2752438fbbe19f9cc7efe9aaaa9", "882624ccb9c39604"], &["0493e2"]),
    ("CISCOTAG", &["ASA-6-302013"], &["ASA"]),
    ("MAVEN_VERSION", &["1.2", "1.2.3-SNAPSHOT"], &["1"]),
];

#[test]
fn simple_patterns_match_what_they_are_named_for() {
    for (name, are, are_not) in WHOLE {
        let pattern = format!("^%{{{name}:it}}$");
        for text in *are {
            let expected = format!("'{}'", text.as_bytes().escape_ascii());
            if *name == "URI" && text.contains('[') {
                continue;
            }
            assert_eq!(extract(&pattern, &["it"], text), [expected], "{name}");
        }
        for text in *are_not {
            let found = extract_with(&[], &pattern, &["it"], text);
            assert!(found.is_err(), "{name} matched `{text}`: {found:?}");
        }
    }
}

/// Pattern, line, fields and their values.
const LINES: &[(&str, &str, &[(&str, &str)])] = &[
    (
        "%{COMBINEDAPACHELOG}",
        r#"203.0.113.9 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08""#,
        &[
            ("clientip", "203.0.113.9"), ("ident", "-"), ("auth", "frank"), ("timestamp", "10/Oct/2000:13:55:36 -0700"),
            ("verb", "GET"), ("request", "/apache_pb.gif"), ("httpversion", "1.0"), ("response", "200"), ("bytes", "2326"),
            ("referrer", "\\\"http://www.example.com/start.html\\\""), ("agent", "\\\"Mozilla/4.08\\\""),
        ],
    ),
    (
        "%{COMMONAPACHELOG}",
        r#"::1 - - [10/Oct/2000:13:55:36 -0700] "\x16\x03" 400 -"#,
        &[("clientip", "::1"), ("rawrequest", r"\\x16\\x03"), ("response", "400")],
    ),
    (
        "%{NGINXACCESS}",
        r#"10.0.0.7 - - [10/Oct/2026:13:55:36 +0000] "POST /api HTTP/2.0" 502 157 "-" "curl/8.0""#,
        &[("verb", "POST"), ("response", "502"), ("agent", "curl/8.0")],
    ),
    (
        "%{NGINXERROR}",
        "2026/11/01 10:42:00 [error] 31#31: *5 connect() failed (111: Connection refused)",
        &[("loglevel", "error"), ("pid", "31"), ("connection", "5"), ("message", "connect() failed (111: Connection refused)")],
    ),
    (
        "%{HTTPD_ERRORLOG}",
        "[Sun Nov 01 10:42:00.123456 2026] [core:error] [pid 7:tid 140] [client 10.0.0.1:5000] AH00126: Invalid URI",
        &[("module", "core"), ("loglevel", "error"), ("clientport", "5000"), ("errorcode", "AH00126"), ("message", "Invalid URI")],
    ),
    (
        "%{HTTPD_ERRORLOG}",
        "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.properties",
        &[("loglevel", "notice"), ("message", "workerEnv.init() ok /etc/httpd/conf/workers2.properties")],
    ),
    (
        "%{SYSLOGLINE}",
        "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster",
        &[("timestamp", "Dec 10 06:55:46"), ("logsource", "LabSZ"), ("program", "sshd"), ("pid", "24200"), ("message", "Invalid user webmaster")],
    ),
    (
        "%{SYSLOG5424LINE}",
        "<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [a@1 iut=\"3\"] An event",
        &[("syslog5424_pri", "165"), ("syslog5424_app", "evntslog"), ("syslog5424_msgid", "ID47"), ("syslog5424_msg", "An event")],
    ),
    (
        "%{CRONLOG}",
        "Nov  1 10:42:01 web CRON[77]: (root) CMD (run-parts /etc/cron.hourly)",
        &[("user", "root"), ("action", "CMD"), ("message", "run-parts /etc/cron.hourly")],
    ),
    (
        "%{JAVASTACKTRACEPART}",
        "\tat org.acme.Shop$1.<init>(Shop.java:42)",
        &[("class", "org.acme.Shop$1"), ("method", "<init>"), ("file", "Shop.java"), ("line", "42")],
    ),
    (
        "%{LOG4J}",
        "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster",
        &[("level", "INFO"), ("thread", "main"), ("class", "org.apache.hadoop.mapreduce.v2.app.MRAppMaster"), ("message", "Created MRAppMaster")],
    ),
    (
        "%{LOGBACK}",
        "10:42:00.123 [http-1] WARN  o.a.Shop - slow",
        &[("thread", "http-1"), ("level", "WARN"), ("class", "o.a.Shop"), ("message", "slow")],
    ),
    (
        "%{CATALINALOG}",
        "01-Nov-2026 10:42:00.123 INFO [main] org.apache.catalina.core.StandardEngine Starting Servlet engine",
        &[("level", "INFO"), ("thread", "main"), ("class", "org.apache.catalina.core.StandardEngine")],
    ),
    (
        "%{POSTGRESQL}",
        "2026-11-01 10:42:00.123 UTC [77] app@shop ERROR:  deadlock detected",
        &[("timestamp", "2026-11-01 10:42:00.123"), ("pid", "77"), ("user", "app"), ("database", "shop"), ("level", "ERROR"), ("message", "deadlock detected")],
    ),
    (
        "%{REDISLOG3}",
        "1:M 01 Nov 2026 10:42:00.123 * Ready to accept connections",
        &[("pid", "1"), ("role", "M"), ("message", "Ready to accept connections")],
    ),
    (
        "%{REDISLOG}",
        "[4018] 14 Nov 07:01:22.119 * Background saving terminated with success",
        &[("pid", "4018"), ("timestamp", "14 Nov 07:01:22.119")],
    ),
    (
        "%{REDISMONLOG}",
        r#"1339518083.107412 [0 127.0.0.1:60866] "keys" "*""#,
        &[("database", "0"), ("client", "127.0.0.1"), ("command", "keys"), ("params", "\\\"*\\\"")],
    ),
    (
        "%{MONGO3_LOG}",
        "2026-11-01T10:42:00.123+0000 I NETWORK  [conn1] end connection 127.0.0.1:1",
        &[("severity", "I"), ("component", "NETWORK"), ("context", "conn1")],
    ),
    (
        "%{MYSQLERROR}",
        "2026-11-01T10:42:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed.",
        &[("level", "Warning"), ("code", "MY-010068"), ("subsystem", "Server"), ("message", "CA certificate ca.pem is self signed.")],
    ),
    (
        "%{KAFKABROKER}",
        "[2026-11-01 10:42:00,123] INFO [GroupCoordinator 1]: Preparing to rebalance group g (kafka.coordinator.group.GroupCoordinator)",
        &[("level", "INFO"), ("component", "GroupCoordinator 1"), ("class", "kafka.coordinator.group.GroupCoordinator"), ("message", "Preparing to rebalance group g")],
    ),
    (
        "%{ZOOKEEPER}",
        "2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out: 3200",
        &[("level", "INFO"), ("class", "FastLeaderElection"), ("line", "774"), ("message", "Notification time out: 3200")],
    ),
    (
        "%{HAPROXYHTTP}",
        r#"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1""#,
        &[
            ("client_ip", "10.0.1.2"), ("frontend_name", "http-in"), ("backend_name", "static"), ("server_name", "srv1"), ("time_duration", "109"),
            ("http_status_code", "200"), ("captured_request_headers", "1wt.eu"), ("http_verb", "GET"), ("http_request", "/index.html"),
        ],
    ),
    (
        "%{HAPROXYTCP}",
        "Feb  6 12:12:56 localhost haproxy[14387]: 10.0.1.2:33313 [06/Feb/2009:12:12:51.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0",
        &[("server_name", "srv1"), ("time_duration", "5007"), ("bytes_read", "212"), ("retries", "3")],
    ),
    (
        "%{ELB_ACCESS_LOG}",
        r#"2015-05-13T23:39:43.945958Z my-lb 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#,
        &[("elb", "my-lb"), ("backendip", "10.0.0.1"), ("response", "200"), ("bytes", "29"), ("verb", "GET"), ("user_agent", "curl/7.38.0")],
    ),
    (
        "%{SQUID3}",
        "1286536309.450    921 192.168.0.68 TCP_MISS/200 507 POST http://rcv-srv.acme.org/x - DIRECT/10.0.0.1 application/xml",
        &[("duration", "921"), ("cache_result", "TCP_MISS"), ("status_code", "200"), ("hierarchy_code", "DIRECT"), ("content_type", "application/xml")],
    ),
    (
        "%{KLOG}",
        "E1101 10:42:00.123456   12345 pod_workers.go:190] Error syncing pod",
        &[("level", "E"), ("month", "11"), ("day", "01"), ("pid", "12345"), ("file", "pod_workers.go"), ("line", "190"), ("message", "Error syncing pod")],
    ),
    (
        "%{GOLOG}",
        "2026/11/01 10:42:00 main.go:12: started",
        &[("file", "main.go"), ("line", "12"), ("message", "started")],
    ),
    (
        "%{PYTHONLOG}",
        "2026-11-01 10:42:00,123 - shop.cart - WARNING - low stock",
        &[("logger", "shop.cart"), ("level", "WARNING"), ("message", "low stock")],
    ),
    (
        "%{RUBY_LOGGER}",
        "I, [1999-03-03T02:34:24.895701 #19074]  INFO -- Main: info.",
        &[("pid", "19074"), ("loglevel", "INFO"), ("progname", "Main"), ("message", "info.")],
    ),
    (
        "%{BIND9}",
        "17-Feb-2018 23:06:56.326 queries: info: client 172.26.0.1#12345 (test.com): query: test.com IN A +E(0)K (172.26.0.3)",
        &[("clientip", "172.26.0.1"), ("dns_query", "test.com"), ("query_type", "A"), ("dns_server", "172.26.0.3")],
    ),
    (
        "%{CISCO_TAGGED_SYSLOG} %{GREEDYDATA:message}",
        "<191>Sep 12 11:17:00 fw1 : %ASA-6-302013: Built inbound TCP connection",
        &[("syslog_pri", "191"), ("sysloghost", "fw1"), ("ciscotag", "ASA-6-302013"), ("message", "Built inbound TCP connection")],
    ),
    (
        "%{IPTABLES}",
        "IN=eth0 OUT= MAC=00:1b SRC=10.0.0.1 DST=10.0.0.2 LEN=60 TOS=0x00 PROTO=TCP SPT=4000 DPT=22 WINDOW=1",
        &[("in_device", "eth0"), ("src_ip", "10.0.0.1"), ("length", "60"), ("protocol", "TCP"), ("dst_port", "22")],
    ),
    (
        "%{S3_ACCESS_LOG}",
        r#"79a5 mybucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a5 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /mybucket?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" -"#,
        &[("bucket", "mybucket"), ("operation", "REST.GET.VERSIONING"), ("verb", "GET"), ("response", "200"), ("request_time_ms", "7"), ("agent", "S3Console/0.4")],
    ),
];

#[test]
fn whole_lines_give_their_fields() {
    for (pattern, line, fields) in LINES {
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let found = extract(pattern, &names, line);
        let expected: Vec<String> = fields.iter().map(|(_, value)| format!("'{value}'")).collect();
        assert_eq!(found, expected, "{pattern} on `{line}`");
    }
}

#[test]
fn types_convert_and_text_that_is_none_stays_text() {
    let found = extract("%{WORD:a:int} %{NUMBER:b:int} %{NUMBER:c:float} %{NUMBER:d}", &["a", "b", "c", "d"], "x 12 1.5 7");
    assert_eq!(found, ["'x'", "Int(12)", "Float(1.5)", "'7'"]);
}

#[test]
fn definitions_of_the_manifest_come_first() {
    let own = [("ORDER", "%{LETTERS}-[0-9]+"), ("LETTERS", "[A-Z]{2}"), ("WORD", "[a-z]+")];
    let found = extract_with(&own, r"^\[%{ORDER:order}\] %{WORD:word}", &["order", "word"], "[AB-12] abcDEF").unwrap();
    assert_eq!(found, ["'AB-12'", "'abc'"]);
}

#[test]
fn names_in_brackets_and_named_groups_are_fields() {
    let found = extract(r"(?<level>[A-Z()]+) %{WORD:[http][request][method]} (x|y)", &["level", "http.request.method"], "INFO GET x");
    assert_eq!(found, ["'INFO'", "'GET'"]);
}

#[test]
fn rubys_ways_are_translated() {
    let found = extract(r"(?m)(?>(?<id>\h+))-(?<rest>[\h.]+.*)\Z", &["id", "rest"], "beef-c0.ffee\nmore");
    assert_eq!(found, ["'beef'", r"'c0.ffee\nmore'"]);
}

#[test]
fn what_does_not_match_is_an_error() {
    let fault = extract_with(&[], "^%{INT:a}$", &["a"], "x").unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoMatch);
}

#[test]
fn patterns_that_cannot_work_are_refused_with_a_remedy() {
    let unknown = refused(&[], "%{NUMBR:a}");
    assert_eq!(unknown.message, "there is no pattern `NUMBR`");
    assert!(unknown.remedy.starts_with("Write `NUMBER`"), "{}", unknown.remedy);
    let circle = refused(&[("A", "x%{B}"), ("B", "%{A}?")], "%{A:a}");
    assert_eq!(circle.message, "in the definition of `B`: `A` is defined by itself: A > B > A");
    assert_eq!(circle.field, "grok.definitions");
    let doubling: Vec<(String, String)> = (0..25).map(|n| (format!("P{n}"), format!("%{{P{}}}%{{P{}}}", n + 1, n + 1))).collect();
    let mut doubling: Vec<(&str, &str)> = doubling.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    doubling.push(("P25", ""));
    assert!(refused(&doubling, "%{P0:a}").message.contains("more than 4096 named patterns"));
    assert!(refused(&[("BOMB", "(a{1000}){1000}")], "%{BOMB:a}").message.contains("larger than"));
    assert!(refused(&[], "[%{WORD:a}]").remedy.contains("\\["));
    assert!(refused(&[], "%{WORD:a:date}").message.contains("no type"));
    assert!(refused(&[], "%{WORD:a").message.contains("no closing brace"));
    assert!(refused(&[], "%{WORD} %{INT}").message.contains("names no field"));
    assert!(refused(&[], r"%{WORD:a}(?!x)").message.starts_with("look-around"));
    assert!(refused(&[], r"(?<=x)%{WORD:a}").message.starts_with("look-around"));
}

proptest! {
    #[test]
    fn arbitrary_patterns_and_bytes_never_panic(
        pattern in "([%{}\\[\\](?<>:)a|\\\\hZ^$*]|%\\{WORD:a\\}|%\\{OWN\\}){0,12}",
        own in "([%{}()?<>a\\[\\]]|%\\{INT:b:int\\}|%\\{OWN\\}){0,6}",
        bytes: Vec<u8>,
    ) {
        let definitions = BTreeMap::from([("OWN", own.as_str())]);
        let mut table = SlotTable::new();
        table.want("a");
        if compile_grok(&pattern, &definitions, &Wanted::new(&table, "")).is_ok() {
            let _ = extract_with(&[("OWN", &own)], &pattern, &["a", "b"], bytes);
        }
    }
}
