//! The reader: what it accepts, where it says things are, and how it refuses.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::finding::{Sources, Style, render};
use crate::{ParsingManifest, TenantPipeline};

/// What a person sees for this text.
fn shown(text: &str) -> String {
    let mut resources = Resources::new();
    resources.add_file("tenant.yaml", text.as_bytes());
    assert!(resources.has_errors(), "nothing is wrong with {text}");
    render(&resources.findings, &resources.sources, Style::Plain)
}

fn pipeline(spec: &str) -> String {
    let head = "apiVersion: logloom.io/v1alpha1\nkind: TenantPipeline\nmetadata: { name: checkout }\nspec:\n";
    let sources = "  sources: [{ name: app, external: {}, manifest: app }]\n";
    format!("{head}{sources}{spec}")
}

macro_rules! golden {
    ($($name:ident: $text:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), shown(&$text));
            }
        )*
    };
}

golden! {
    unknown_field: pipeline("  windows:\n    - name: m1\n      tumbling: 1m\n      latness: 10s\n");
    unknown_field_of_a_map_without_fields: pipeline("").replace("external: {}", "external: { path: x }");
    wrong_type: pipeline("  suspend: \"yes\"\n  windows: m1\n  scopes: [org]\n  scaling: { maxWorkers: four }\n");
    number_for_a_text: pipeline("  description: 5\n");
    missing_field: pipeline("  windows:\n    - tumbling: 1m\n");
    missing_spec: "apiVersion: logloom.io/v1alpha1\nkind: Tenant\nmetadata: { name: acme }\n";
    missing_name: "apiVersion: logloom.io/v1alpha1\nkind: Tenant\nmetadata: { nmae: acme }\nspec: {}\n";
    bad_forms: pipeline("  windows:\n    - { name: \"no name\", tumbling: 1 minute }\n    - { name: m5, tumbling: 0s }\n  limits: { joinBytes: 64MB }\n");
    unknown_choice: pipeline("  scaling: { mode: automatic }\n  delivery: { guarantee: exactlyonce }\n");
    out_of_bounds: pipeline("  detect:\n    baseline: { metric: latency, among: [service], quantile: 1.5 }\n");
    none_of_a_choice: pipeline("  windows:\n    - { name: m1, lateness: 10s }\n");
    two_of_a_choice: pipeline("  windows:\n    - name: m1\n      tumbling: 1m\n      sliding: { size: 5m, slide: 30s }\n");
    slide_that_does_not_divide: pipeline("  windows:\n    - { name: m5, sliding: { size: 5m, slide: 7s } }\n    - { name: d, sliding: { size: 1d, slide: 7h } }\n");
    same_name_twice: pipeline("  windows:\n    - { name: m1, tumbling: 1m }\n    - { name: m1, tumbling: 5m }\n");
    everything_at_once: pipeline("  windws: []\n  windows:\n    - { name: m1, tumbling: 1m, sliding: { size: 1m } }\n  suspend: 1\n");
    duplicate_key: pipeline("  suspend: true\n  suspend: false\n");
    tab_indentation: pipeline("  windows:\n\t- { name: m1, tumbling: 1m }\n");
    colon_in_a_plain_text: pipeline("  description: note: this\n");
    open_bracket: pipeline("  scopes: [[org], [org, service]\n");
    open_quote: pipeline("  description: \"never closed\n");
    empty_file: "";
    only_comments: "# nothing here\n---\n# nor here\n";
    missing_kind: "metadata: { name: checkout }\nspec: {}\n";
    a_list_is_no_resource: "- a\n- b\n";
    unknown_kind: "apiVersion: logloom.io/v1alpha1\nkind: TenantPipline\nmetadata: { name: checkout }\n";
    unknown_version: "apiVersion: loglom.io/v1\nkind: TenantPipeline\nmetadata: { name: checkout }\n";
    missing_version: "kind: TenantPipeline\nmetadata: { name: checkout }\n";
    same_resource_twice: format!("{0}---\n{0}", pipeline("  suspend: false\n"));
    words_of_yaml_1_1: pipeline("  scaling: { mode: off }\n  limits: { liveScopes: 0100 }\n  aggregate:\n    - { name: a, by: [org], window: m1, values: { n: count } }\n");
    tag: pipeline("  description: !!str 5\n");
    merge_key: pipeline("  limits: &limits { liveScopes: 5 }\n  scaling: { <<: *limits }\n");
    unknown_alias: pipeline("  limits: *limits\n");
    alias_of_itself: pipeline("  limits: &limits { liveScopes: *limits }\n");
    alias_bomb: billion_laughs();
    deep_nesting: format!("a: {}", "[".repeat(200_000));
    terminal_codes: pipeline("  \"windows\\e[2J\": 1\n");
    far_right_in_a_long_line: pipeline(&format!("  limits: {{ liveScopes: 5, {}wrong: 1 }}\n", "  ".repeat(80)));
    more_than_anybody_reads: pipeline(&format!("  scopes: [{}]\n", "x, ".repeat(150)));
}

fn billion_laughs() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    text
}

#[test]
fn files_that_are_no_text_are_refused() {
    let latin = [b"apiVersion: logloom.io/v1alpha1\nkind: T".as_slice(), &[0xe9, b'n']].concat();
    let huge = vec![b' '; MAX_FILE_BYTES + 1];
    let binary: Vec<u8> = (0..=255).cycle().take(4_096).collect();
    let utf16: Vec<u8> = "kind: Tenant".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let findings = [&latin, &huge, &binary, &utf16].map(|bytes| {
        let read = file("tenant.yaml", bytes);
        assert!(read.documents.is_empty());
        render(&read.findings, &Sources::new(), Style::Plain)
    });
    insta::assert_snapshot!("files_that_are_no_text", findings.concat());
}

#[test]
fn bounds_of_a_document_leave_its_neighbours_alone() {
    let many = format!("a: [{}]", "1, ".repeat(MAX_VALUES));
    let long = format!("a: {}", "x".repeat(MAX_DOCUMENT_CHARS));
    let text = format!("b: 1\n---\n{many}\n---\nb: 2\n---\n{long}\n---\nb: 3\n");
    let read = file("tenant.yaml", text.as_bytes());
    let reasons: Vec<Reason> = read.findings.iter().map(|finding| finding.reason).collect();
    assert_eq!(reasons, [Reason::TooLarge, Reason::TooLarge]);
    let values: Vec<&serde_json::Value> = read.documents.iter().map(|document| &document.value).collect();
    assert_eq!(values, [&json!({ "b": 1 }), &json!({ "b": 2 }), &json!({ "b": 3 })]);
}

#[test]
fn many_documents_and_many_findings_are_bounded() {
    let text = "a: 1\n---\n".repeat(MAX_DOCUMENTS + 5);
    let mut resources = Resources::new();
    resources.add_file("many.yaml", text.as_bytes());
    // One for the documents that were not read, one for the findings that are not shown.
    assert_eq!(resources.findings.len(), MAX_FINDINGS_OF_FILE + 1);
    assert_eq!(resources.findings[0].reason, Reason::TooLarge);
    let last = resources.findings.last().map(|finding| finding.message.as_str());
    assert_eq!(last, Some("many.yaml has 1 more findings"));
}

#[test]
fn aliases_within_the_bound_are_what_they_name() {
    let text = "a: &a { x: [1, 2] }\nb: *a\nc: [*a, &d 5, *d]\n";
    let read = file("tenant.yaml", text.as_bytes());
    assert_eq!(read.findings, []);
    let same = json!({ "x": [1, 2] });
    assert_eq!(read.documents[0].value, json!({ "a": same, "b": same, "c": [same, 5, 5] }));
    // What stands inside an alias stands where the alias stands.
    let inside = read.documents[0].value_position("b.x[1]");
    assert_eq!(inside.map(|position| (position.line, position.column)), Some((2, 1)));
}

#[test]
fn json_is_yaml_and_a_null_member_is_absent() {
    let text = r#"{"apiVersion": "logloom.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "acme"}, "spec": {"description": null}}"#;
    let mut resources = Resources::new();
    resources.add_file("tenant.json", text.as_bytes());
    assert_eq!(resources.findings, []);
    assert_eq!(resources.tenants[0].resource.spec.description, None);
}

#[test]
fn other_groups_are_left_alone_and_our_own_are_not() {
    let text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n---\n\
                apiVersion: v1\nkind: Namespace\nmetadata: { name: x }\n";
    let mut resources = Resources::new();
    resources.add_file("kustomization.yaml", text.as_bytes());
    assert_eq!(resources.findings, []);
    let kinds: Vec<&str> = resources.skipped.iter().map(|document| document.kind.as_str()).collect();
    assert_eq!(kinds, ["Kustomization", "Namespace"]);
}

#[test]
fn the_same_name_in_two_namespaces_is_not_the_same_resource() {
    let one = pipeline("").replace("{ name: checkout }", "{ name: checkout, namespace: a }");
    let two = one.replace("namespace: a", "namespace: b");
    let mut resources = Resources::new();
    resources.add_file("one.yaml", one.as_bytes());
    resources.add_file("two.yaml", two.as_bytes());
    assert_eq!(resources.findings, []);
    assert_eq!(resources.pipelines.len(), 2);
}

#[test]
fn output_of_kubectl_get_is_read() {
    let text = pipeline("") + "status: { phase: Running, somethingNew: { x: 1 } }\n";
    let text = text.replace("{ name: checkout }", "{ name: checkout, uid: abc, managedFields: [{ a: 1 }] }");
    let read = file("pipeline.yaml", text.as_bytes());
    let resource: TenantPipeline = typed(&read.documents[0]).expect("typed");
    assert_eq!(resource.spec.sources[0].name, "app");
}

/// Line and column of a path, and of a character of its value.
fn spots(text: &str, path: &str, offset: usize) -> [Option<(u32, u32)>; 3] {
    let read = file("pipeline.yaml", text.as_bytes());
    assert_eq!(read.findings, []);
    let document = &read.documents[0];
    assert_eq!(document.findings, []);
    [document.key_position(path), document.value_position(path), document.position_in(path, offset)]
        .map(|position| position.map(|position| (position.line, position.column)))
}

#[test]
fn positions_of_keys_values_and_characters() {
    let plain = "a:\n  - when: p99(x) > 1\n";
    assert_eq!(spots(plain, "a[0].when", 4), [Some((2, 5)), Some((2, 11)), Some((2, 15))]);
    let quoted = "a: { when: \"p99(x) > 1\" }\n";
    assert_eq!(spots(quoted, "a.when", 4), [Some((1, 6)), Some((1, 12)), Some((1, 17))]);
    // After an escape the characters of the value do not stand in the text one by one.
    let escaped = "when: \"a\\tb + c\"\n";
    assert_eq!(spots(escaped, "when", 4), [Some((1, 1)), Some((1, 7)), Some((1, 7))]);
    let literal = "a:\n  when: |\n    p99(x) >\n      2.0 * y\n";
    assert_eq!(spots(literal, "a.when", 15), [Some((2, 3)), Some((3, 5)), Some((4, 11))]);
    let folded = "when: >\n  a\n  b\n";
    assert_eq!(spots(folded, "when", 2), [Some((1, 1)), Some((2, 3)), Some((2, 3))]);
    // A path that is not there stands where what is around it stands.
    assert_eq!(spots(plain, "a[0].for", 0), [Some((2, 5)), Some((2, 5)), Some((2, 5))]);
    assert_eq!(spots(plain, "", 0), [Some((1, 1)), Some((1, 1)), Some((1, 1))]);
    let strange = "\"a.b\":\n  \"c\\\"]\": [1, 2]\n";
    assert_eq!(spots(strange, "[\"a.b\"][\"c\\\"]\"][1]", 0)[1], Some((2, 15)));
    // Columns are characters, not bytes.
    assert_eq!(spots("a: { é: 1, b: 2 }\n", "a.b", 0)[0], Some((1, 12)));
}

#[test]
fn findings_of_others_get_their_positions_from_the_set() {
    let mut resources = Resources::new();
    resources.add_file("pipeline.yaml", pipeline("  scaling:\n    maxWorkers: 4\n").as_bytes());
    let finding = Finding::error(Reason::AboveQuota, "spec.scaling.maxWorkers", "too many", "fewer");
    let known = finding.clone().of("TenantPipeline", "checkout");
    let unknown = finding.of("TenantPipeline", "other");
    let located = resources.locate(vec![known, unknown]);
    let position = located[0].position.as_ref().map(ToString::to_string);
    assert_eq!(position.as_deref(), Some("pipeline.yaml:7:17"));
    assert_eq!(located[1].position, None);
}

#[test]
fn relative_files_are_put_in_place() {
    let text = include_str!("../../testdata/manifest.yaml");
    let read = file("manifest.yaml", text.as_bytes());
    let mut manifest: ParsingManifest = typed(&read.documents[1]).expect("typed");
    let mut asked = Vec::new();
    let inlined: Result<(), std::convert::Infallible> = manifest.spec.inline_files(|path| {
        asked.push(path.to_owned());
        Ok("message Span {}".to_owned())
    });
    assert_eq!(inlined, Ok(()));
    assert_eq!(asked, ["protos/span.proto"]);
    assert_eq!(manifest.spec.schema.file, None);
    assert_eq!(manifest.spec.schema.proto.as_deref(), Some("message Span {}"));
}

/// Reading takes time in proportion to the text, whatever the text.
#[test]
fn hostile_texts_are_read_quickly() {
    let size = 300_000;
    let texts = [
        "[".repeat(size),
        "{".repeat(size),
        "- ".repeat(size / 2),
        "? ".repeat(size / 2),
        "a: ".repeat(size / 3),
        "&a ".repeat(size / 3),
        "!x ".repeat(size / 3),
        "[a, ".repeat(size / 4),
        "{a: ".repeat(size / 4),
        "\"".repeat(size),
        "'".repeat(size),
        "|\n".repeat(size / 2),
        "---\n".repeat(size / 4),
        "%YAML 1.2\n".repeat(size / 10),
        "#\n".repeat(size / 2),
        format!("a: \"{}\"", "\\u0041".repeat(size / 6)),
        format!("a: {}", "x ".repeat(size / 2)),
        format!("? {}\n: b", "x".repeat(size)),
        (0..size / 10).map(|number| format!("k{number}: 1\n")).collect(),
        "a: 1\n".repeat(size / 5),
    ];
    for text in texts {
        let start = std::time::Instant::now();
        let read = file("hostile.yaml", text.as_bytes());
        let shown: String = text.chars().take(20).collect();
        assert!(start.elapsed().as_secs() < 20, "{shown}: {:?}", start.elapsed());
        assert!(read.documents.len() + read.findings.len() > 0, "{shown}");
    }
}

fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a".to_owned()),
        Just(": ".to_owned()),
        Just("- ".to_owned()),
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(", ".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("|\n".to_owned()),
        Just(">-\n".to_owned()),
        Just("&x ".to_owned()),
        Just("*x".to_owned()),
        Just("!!str ".to_owned()),
        Just("---\n".to_owned()),
        Just("...\n".to_owned()),
        Just("# ".to_owned()),
        Just("? ".to_owned()),
        Just("<<".to_owned()),
        Just("\t".to_owned()),
        Just("%TAG ! x\n".to_owned()),
        Just("\\".to_owned()),
        Just("kind: Tenant\n".to_owned()),
        Just("spec:\n".to_owned()),
        "[0-9._+xoe-]{1,6}",
        "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in yaml_like()) {
        let mut resources = Resources::new();
        resources.add_file("any.yaml", text.as_bytes());
        let drawn = render(&resources.findings, &resources.sources, Style::Colour);
        prop_assert!(resources.findings.is_empty() == drawn.is_empty());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        file("any.yaml", &bytes);
    }

    /// What serde_yaml writes, the reader reads back, and every place it notes is in the text.
    #[test]
    fn written_values_are_read_back(value in any_json()) {
        let text = serde_yaml::to_string(&json!({ "spec": value })).expect("YAML");
        let read = file("any.yaml", text.as_bytes());
        // serde_yaml leaves the words of YAML 1.1 unquoted, and those are refused on purpose.
        prop_assert_eq!(&read.findings, &[]);
        let document = &read.documents[0];
        prop_assume!(!document.findings.iter().any(|finding| finding.reason == Reason::Ambiguous));
        prop_assert_eq!(&document.findings, &[]);
        prop_assert_eq!(&document.value, &json!({ "spec": value }));
        let mut paths = Vec::new();
        all_paths(&document.value, String::new(), &mut paths);
        for path in paths {
            let position = document.value_position(&path).expect("a position");
            let line = text.lines().nth(position.line as usize - 1).expect("a line");
            prop_assert!(position.column as usize <= line.chars().count() + 1, "{} {}", path, position);
        }
    }
}

fn all_paths(value: &serde_json::Value, at: String, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            members.iter().for_each(|(key, member)| all_paths(member, crate::path::member(&at, key), paths));
        }
        serde_json::Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| all_paths(item, crate::path::item(&at, index), paths));
        }
        _ => {}
    }
    paths.push(at);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        "[a-z .:#{}\\[\\]'\"|>&*!%@`,?\\\\\n\t-]{0,12}".prop_map(serde_json::Value::from),
        // The line breaks of YAML 1.1 that YAML 1.2 has not: serde_yaml writes the former.
        "[\\PC&&[^\u{85}\u{2028}\u{2029}]]{0,6}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-zA-Z.\"\\]\\[]{1,8}", inner, 0..5)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}
