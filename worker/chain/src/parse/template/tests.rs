//! What the miner promises, by example and by property.

use proptest::prelude::*;
use std::sync::Arc;

use super::miner::Index;
use super::*;
use crate::wire::{Reader, Writer};

fn settings(max_templates: u32, grouping: Grouping) -> Settings {
    let limits = Limits { max_templates, ..Limits::default() };
    Settings { grouping, limits, ..Settings::default() }
}

fn miner(settings: &Settings) -> Miner {
    Miner::new(Arc::new(Rules::compile(settings).unwrap()))
}

const DRAIN: Grouping = Grouping::Drain { depth: 4, similarity: 0.5, max_children: 100 };

/// The template that a miner makes of a single line: its masked form.
fn masked(line: &str) -> String {
    let mut miner = miner(&Settings::default());
    let found = miner.observe(line.as_bytes());
    text(&miner, found)
}

fn text(miner: &Miner, found: Match) -> String {
    String::from_utf8(miner.template(found).unwrap().text().to_vec()).unwrap()
}

fn state(miner: &Miner) -> Vec<u8> {
    let mut out = Writer::new();
    miner.save(&mut out);
    out.into_vec()
}

#[test]
fn values_are_masked_by_their_form() {
    for (line, expected) in [
        ("jk2_init() Found child 6725 in scoreboard slot 10", "<*>() Found child <*> in scoreboard slot <*>"),
        ("src: /10.251.73.220:54106 dest: /10.251.73.220:50010", "src: <*> dest: <*>"),
        ("session opened for user root by (uid=0)", "session opened for user root by (uid=<*>)"),
        ("estimated size 93.0 B, free 317.1 KB)", "estimated size <*>, free <*>)"),
        ("took 12 ms", "took <*>"),
        ("took 12 months", "took <*> months"),
        ("built on Mon Apr 18 14:42:34 PDT 2005 by x", "built on <*> by x"),
        ("May the force", "May the force"),
        ("ask 10.0.0.1:50010 to delete blk_1 blk_-2 blk_3", "ask <*> to delete <*>"),
        ("fan speeds ( 3552 3534 3375 )", "fan speeds ( <*> )"),
        ("loading /etc/hosts and C:\\Windows\\x.dll, ./run", "loading <*> and <*>, <*>"),
        ("read/write of and/or", "read/write of and/or"),
        ("see https://example.net/a?b=c,d", "see <*>,d"),
        ("mail from jo@example.net now", "mail from <*> now"),
        ("class org.apache.hadoop.Server done.", "class <*> done."),
        ("allDrawn=false, ws=null returned true", "allDrawn=<*>, ws=<*> returned <*>"),
        ("falsehood nullable", "falsehood nullable"),
        ("chip FF:F2:9F:16:DB:63:00:0D:E9 up", "chip <*> up"),
        ("addr fe80:0:0:0:1 up", "addr <*> up"),
        ("caused by dcbf.........0", "caused by dcbf.........<*>"),
        ("wait... what", "wait... what"),
        ("id 550e8400-e29b-41d4-a716-446655440000 at 0xff", "id <*> at <*>"),
        ("a <*> in the text", "a <*> in the text"),
        ("", ""),
        ("  spaces\t and tabs  ", "spaces and tabs"),
    ] {
        assert_eq!(masked(line), expected, "{line}");
    }
}

#[test]
fn a_closed_set_of_words_stays_apart() {
    let mut miner = miner(&Settings::default());
    for round in 0..50 {
        for event in ["Started", "Paused", "Resumed", "Stopped"] {
            miner.observe(format!("[instance: {round}] VM {event} (Lifecycle Event)").as_bytes());
        }
    }
    assert_eq!(miner.live(), 4);
    assert!(miner.templates().all(|template| template.count() == 50));
}

#[test]
fn an_open_set_of_words_becomes_a_variable_and_the_oldest_id_goes_on() {
    let mut miner = miner(&Settings::default());
    let names = ["ann", "bob", "cy", "dee", "eve", "flo", "gus", "hal"];
    let line = |name: &str| format!("Invalid user {name} from 10.0.0.1");
    let first = miner.observe(line("ann").as_bytes());
    assert!(first.is_new);
    let last = names.iter().map(|name| miner.observe(line(name).as_bytes())).last().unwrap();
    assert_eq!(last, Match { id: first.id, is_new: false });
    assert_eq!(text(&miner, last), "Invalid user <*> from <*>");
    assert_eq!(miner.live(), 1);
    assert_eq!(miner.template(last).unwrap().count(), 9);
    let retired = miner.take_retired();
    assert!(!retired.is_empty());
    assert!(retired.iter().all(|retired| retired.fate == Fate::MergedInto(first.id)));
    assert_eq!(miner.totals(), Totals { lines: 9, ..Totals::default() });
}

#[test]
fn siblings_differ_in_one_place_only() {
    let mut miner = miner(&Settings::default());
    let one = miner.observe(b"flo 0 May eve 0");
    let other = miner.observe(b"flo open 0 eve 0");
    assert_ne!(one.id, other.id);
    assert_eq!(text(&miner, other), "flo open <*> eve <*>");
}

#[test]
fn a_word_beside_a_value_is_a_value() {
    let mut miner = miner(&Settings::default());
    let value = miner.observe(b"synchronized to 10.100.20.250, stratum 3");
    let word = miner.observe(b"synchronized to LOCAL(0), stratum 10");
    assert_eq!(value.id, word.id);
    let value = miner.observe(b"LOGIN chdir(/home/x) failed: no such file");
    let word = miner.observe(b"LOGIN chdir(pwd) failed: no such file");
    assert_eq!(value.id, word.id);
    let one = miner.observe(b"interrupt caused by dcbf...0");
    let other = miner.observe(b"interrupt caused by icbi...0");
    assert_ne!(one.id, other.id);
}

#[test]
fn ids_are_content_hashes_that_do_not_change_between_releases() {
    let mut miner = miner(&Settings::default());
    let id = miner.observe(b"PacketResponder 1 for block blk_38865049064139660 terminating").id;
    assert_eq!(id.0, crate::id::hash64(b"PacketResponder <*> for block <*> terminating"));
    assert_eq!(id.to_string(), "0f14796818a57a63");
}

#[test]
fn drain_joins_by_similarity_and_keeps_the_id() {
    let settings = Settings { builtin_masks: false, ..settings(100, DRAIN) };
    let mut miner = miner(&settings);
    let first = miner.observe(b"open file alpha for reading");
    let second = miner.observe(b"open file beta for reading");
    assert_eq!(first.id, second.id);
    assert_eq!(text(&miner, second), "open file <*> for reading");
    assert_ne!(miner.observe(b"open the door slowly please").id, first.id);
}

#[test]
fn the_longest_unused_template_makes_room_and_its_count_is_reported() {
    let mut miner = miner(&settings(2, Grouping::Words));
    let lines = ["alpha one", "beta two", "alpha one", "gamma three", "beta two"];
    let ids: Vec<_> = lines.iter().map(|line| miner.observe(line.as_bytes()).id).collect();
    let retired: Vec<_> = miner.take_retired();
    let evicted: Vec<_> = retired.iter().map(|one| (one.template.id(), one.template.count())).collect();
    assert_eq!(evicted, [(ids[1], 1), (ids[0], 2)]);
    assert_eq!(ids[1], ids[4], "what comes back has the same id");
    assert_eq!(miner.totals(), Totals { lines: 5, evicted_templates: 2, evicted_lines: 3 });
}

#[test]
fn a_line_beyond_the_bounds_is_matched_on_its_prefix() {
    let limits = Limits { max_line_bytes: 64, max_tokens: 6, ..Limits::default() };
    let mut miner = miner(&Settings { limits, ..Settings::default() });
    let line = |rest: &str| format!("a line of words that {rest}");
    let one = miner.observe(line(&"x ".repeat(10_000)).as_bytes());
    let other = miner.observe(line(&"y".repeat(5_000)).as_bytes());
    assert_eq!(text(&miner, one), "a line of words that x <*>");
    assert_eq!(text(&miner, other), format!("a line of words that {} <*>", "y".repeat(43)));
    let line = line(&"x ".repeat(10_000));
    let mut variables = Vec::new();
    miner.variables(line.as_bytes(), one, &mut variables);
    assert_eq!(variables, [Variable { kind: Kind::Rest, range: 23..line.len() }]);
}

fn variables_of(miner: &mut Miner, line: &str) -> Vec<(Kind, String)> {
    let found = miner.observe(line.as_bytes());
    let mut variables = Vec::new();
    miner.variables(line.as_bytes(), found, &mut variables);
    let value = |variable: Variable| (variable.kind, line[variable.range].to_owned());
    variables.into_iter().map(value).collect()
}

#[test]
fn variables_have_types_and_stand_in_the_order_of_the_template() {
    let line = "pid 42 -1.5 from /10.0.0.1:80 id 550e8400-e29b-41d4-a716-446655440000 at 0xff in /tmp/x \
                took 12 ms (317.1 KB) on Mon Apr 18 14:42:34 2005 by org.a.B, ok=true u@h.net node12 blk_1 blk_2";
    let found = variables_of(&mut miner(&Settings::default()), line);
    let expected = [
        (Kind::List, "42 -1.5"),
        (Kind::Ip, "/10.0.0.1:80"),
        (Kind::Uuid, "550e8400-e29b-41d4-a716-446655440000"),
        (Kind::Hex, "0xff"),
        (Kind::Path, "/tmp/x"),
        (Kind::Duration, "12 ms"),
        (Kind::Size, "317.1 KB"),
        (Kind::Timestamp, "Mon Apr 18 14:42:34 2005"),
        (Kind::Name, "org.a.B"),
        (Kind::Literal, "true"),
        (Kind::List, "u@h.net node12 blk_1 blk_2"),
    ];
    assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn a_generalised_word_is_a_variable_of_the_kind_word() {
    let mut miner = miner(&Settings::default());
    for name in ["ann", "bob", "cy", "dee", "eve", "flo", "gus"] {
        miner.observe(format!("Invalid user {name} from 10.0.0.1").as_bytes());
    }
    let found = variables_of(&mut miner, "Invalid user zoe from 10.0.0.2");
    assert_eq!(found, [(Kind::Word, "zoe".to_owned()), (Kind::Ip, "10.0.0.2".to_owned())]);
}

#[test]
fn masks_of_the_user_come_first_and_name_their_variables() {
    let mask = |name: &str, pattern: &str| Mask { name: name.to_owned(), pattern: pattern.to_owned() };
    let masks = vec![mask("block", r"blk_-?\d+"), mask("path", r"/\S+"), mask("around", r"at <\*>")];
    let settings = Settings { masks, ..Settings::default() };
    let mut miner = miner(&settings);
    let found = variables_of(&mut miner, "GET /a/b?c=d of blk_-12 copied at blk_7 by 9");
    let expected =
        [(Kind::Mask(1), "/a/b?c=d"), (Kind::Mask(0), "blk_-12"), (Kind::Mask(2), "at blk_7"), (Kind::Number, "9")];
    assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    assert_eq!(miner.rules().mask_name(1), Some("path"));
}

#[test]
fn a_manifest_says_the_same_as_settings() {
    let manifest =
        |json: &str| -> Settings { (&serde_json::from_str::<logloom_crds::manifest::Templates>(json).unwrap()).into() };
    assert_eq!(manifest(r#"{"field": "message"}"#), Settings::default());
    let drain = manifest(
        r#"{"field": "message", "grouping": "drain", "builtinMasks": false, "similarity": 0.5,
            "maxTemplates": 7, "masks": [{"name": "block", "pattern": "blk_\\d+"}]}"#,
    );
    let masks = vec![Mask { name: "block".to_owned(), pattern: r"blk_\d+".to_owned() }];
    assert_eq!(drain, Settings { masks, builtin_masks: false, ..settings(7, DRAIN) });
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let mask = |pattern: &str| Mask { name: "m".to_owned(), pattern: pattern.to_owned() };
    let bomb = Settings { masks: vec![mask("((a{100}){100}){100}")], ..Settings::default() };
    assert!(matches!(Rules::compile(&bomb), Err(RulesError::Mask { .. })));
    let open = Settings { masks: vec![mask("(")], ..Settings::default() };
    assert!(matches!(Rules::compile(&open), Err(RulesError::Mask { .. })));
    for grouping in [
        Grouping::Drain { depth: 2, similarity: 0.5, max_children: 100 },
        Grouping::Drain { depth: 4, similarity: 1.5, max_children: 100 },
        Grouping::Drain { depth: 4, similarity: f64::NAN, max_children: 100 },
        Grouping::Drain { depth: 4, similarity: 0.5, max_children: 1 },
    ] {
        assert!(matches!(Rules::compile(&settings(10, grouping)), Err(RulesError::Range { .. })));
    }
    assert!(matches!(Rules::compile(&settings(0, DRAIN)), Err(RulesError::Range { .. })));
}

/// A generator of numbers that is the same everywhere (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn word(&mut self) -> String {
        let mut bits = self.next();
        let letter = || {
            let letter = b'a' + (bits % 26) as u8;
            bits /= 26;
            char::from(letter)
        };
        std::iter::repeat_with(letter).take(8).collect()
    }
}

/// Feeds distinct random lines and checks that nothing grows beyond its bound.
fn flood(grouping: Grouping, lines: u64) {
    const BOUND: usize = 500;
    let mut miner = miner(&settings(BOUND as u32, grouping));
    let mut numbers = Numbers(7);
    let mut evicted = 0;
    let mut most = 0;
    for round in 0..lines {
        let words = 1 + round % 6;
        let line = (0..words).map(|_| numbers.word()).collect::<Vec<_>>().join(" ");
        miner.observe(line.as_bytes());
        for retired in miner.take_retired() {
            if retired.fate == Fate::Evicted {
                evicted += retired.template.count();
            }
        }
        let entries = match &miner.index {
            Index::Words(words) => words.entries(),
            Index::Tree(tree) => tree.entries(),
        };
        most = most.max(if round % 1_000 == 0 { entries } else { 0 });
        assert!(miner.live() <= BOUND);
    }
    assert!(most <= BOUND * 16, "{most} index entries for {BOUND} templates");
    let live: u64 = miner.templates().map(Template::count).sum();
    assert_eq!(live + evicted, lines);
    assert_eq!(miner.totals().evicted_lines, evicted);
}

#[test]
fn a_million_random_lines_stay_within_the_bounds() {
    flood(Grouping::Words, 1_000_000);
}

#[test]
fn random_lines_stay_within_the_bounds_in_drain_too() {
    flood(DRAIN, 100_000);
}

/// Lines that are alike enough to share templates, to merge and to be evicted.
fn some_line() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec!["open", "close", "user", "of", "ann", "bob", "cy", "dee", "eve", "flo"]);
    let token = prop_oneof![
        6 => word.prop_map(|word| word.as_bytes().to_vec()),
        2 => (0u32..1000).prop_map(|number| number.to_string().into_bytes()),
        1 => Just(b"k=<*>,".to_vec()),
        1 => Just(b"May".to_vec()),
        1 => Just(b"KB)".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(token, 0..6).prop_map(|tokens| tokens.join(&b' '))
}

fn some_grouping() -> impl Strategy<Value = Grouping> {
    let drain = (3u16..7, 0.0f64..1.0, 2u32..6).prop_map(|(depth, similarity, max_children)| Grouping::Drain {
        depth,
        similarity,
        max_children,
    });
    prop_oneof![Just(Grouping::Words), drain]
}

proptest! {
    #[test]
    fn counts_always_add_up_to_the_lines(
        lines in prop::collection::vec(some_line(), 0..200),
        grouping in some_grouping(),
        bound in 1u32..12,
    ) {
        let mut miner = miner(&settings(bound, grouping));
        let mut evicted = 0;
        for line in &lines {
            let found = miner.observe(line);
            prop_assert!(miner.template(found).is_some() || bound == 1);
        }
        for retired in miner.take_retired() {
            if retired.fate == Fate::Evicted {
                evicted += retired.template.count();
            }
        }
        let live: u64 = miner.templates().map(Template::count).sum();
        prop_assert_eq!(live + evicted, lines.len() as u64);
        prop_assert_eq!(miner.totals().evicted_lines, evicted);
        prop_assert!(miner.live() <= bound as usize);
    }

    #[test]
    fn a_restored_miner_goes_on_as_the_saved_one(
        lines in prop::collection::vec(some_line(), 1..150),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
        grouping in some_grouping(),
        bound in 1u32..20,
    ) {
        let settings = settings(bound, grouping);
        let rules = Arc::new(Rules::compile(&settings).unwrap());
        let mut whole = Miner::new(Arc::clone(&rules));
        let mut cut = Miner::new(Arc::clone(&rules));
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(lines.len())).collect();
        for (index, line) in lines.iter().enumerate() {
            if cuts.contains(&index) {
                let saved = state(&cut);
                let mut input = Reader::new(&saved);
                cut = Miner::load(Arc::clone(&rules), &mut input).unwrap();
                prop_assert!(input.finish().is_ok());
                prop_assert_eq!(state(&cut), saved);
            }
            prop_assert_eq!(whole.observe(line), cut.observe(line));
        }
        prop_assert_eq!(state(&whole), state(&cut));
    }

    #[test]
    fn every_variable_is_where_its_template_has_a_wildcard(
        lines in prop::collection::vec(some_line(), 1..60),
        grouping in some_grouping(),
    ) {
        let mut miner = miner(&settings(1_000, grouping));
        let mut variables = Vec::new();
        for line in &lines {
            let found = miner.observe(line);
            miner.variables(line, found, &mut variables);
            let template = miner.template(found).unwrap().text().to_vec();
            let wildcards = template.windows(3).filter(|window| *window == WILDCARD).count();
            prop_assert_eq!(variables.len(), wildcards);
            prop_assert!(variables.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
            prop_assert!(variables.iter().all(|variable| variable.range.end <= line.len()));
        }
    }

    #[test]
    fn damaged_state_is_an_error_or_a_state_that_works(
        lines in prop::collection::vec(some_line(), 1..30),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        grouping in some_grouping(),
    ) {
        let settings = settings(50, grouping);
        let rules = Arc::new(Rules::compile(&settings).unwrap());
        let mut miner = Miner::new(Arc::clone(&rules));
        lines.iter().for_each(|line| { miner.observe(line); });
        let mut saved = state(&miner);
        for (at, byte) in damage {
            let at = at.index(saved.len());
            saved[at] = byte;
        }
        if let Ok(mut loaded) = Miner::load(rules, &mut Reader::new(&saved)) {
            lines.iter().for_each(|line| { loaded.observe(line); });
        }
    }
}
