//! Drain's settings for the systems of LogHub-2k, and the grouping accuracy published with them.
//!
//! Settings: logparser (Apache-2.0), `Drain/benchmark.py`. Figures: He et al., "Drain" (ICWS 2017), in
//! the benchmark table of Zhu et al., "Tools and Benchmarks for Automated Log Parsing" (ICSE-SEIP 2019).

use logloom_chain::parse::template::{Grouping, Limits, Mask, Settings};

/// Most children of a node in logparser's Drain.
const MAX_CHILDREN: u32 = 100;

/// What was published for a system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// Grouping accuracy of Drain.
    pub drain: f64,
}

/// One system of LogHub.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The system's name, as LogHub spells it.
    pub system: &'static str,
    /// The header of its lines.
    pub format: &'static str,
    /// Masks, in order.
    pub masks: &'static [&'static str],
    /// Drain's similarity threshold.
    pub similarity: f64,
    /// Drain's depth.
    pub depth: u16,
    /// Published figures.
    pub published: Published,
}

impl Preset {
    /// The preset of a system; the case of its name does not matter.
    pub fn find(system: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.system.eq_ignore_ascii_case(system))
    }

    /// The miner's settings: Drain with these masks and nothing else.
    pub fn settings(&self) -> Settings {
        let mask = |(index, pattern): (usize, &&str)| Mask {
            name: format!("rex{}", index + 1),
            pattern: (*pattern).to_owned(),
        };
        Settings {
            masks: self.masks.iter().enumerate().map(mask).collect(),
            builtin_masks: false,
            grouping: Grouping::Drain { depth: self.depth, similarity: self.similarity, max_children: MAX_CHILDREN },
            limits: Limits::default(),
        }
    }
}

const IPV4: &str = r"(\d+\.){3}\d+";
const DOTTED_NAME: &str = r"([\w-]+\.){2,}[\w-]+";

const fn preset(
    system: &'static str,
    format: &'static str,
    masks: &'static [&'static str],
    (similarity, depth): (f64, u16),
    drain: f64,
) -> Preset {
    Preset { system, format, masks, similarity, depth, published: Published { drain } }
}

/// The sixteen systems of LogHub-2k.
pub const PRESETS: [Preset; 16] = [
    preset(
        "Android",
        "<Date> <Time>  <Pid>  <Tid> <Level> <Component>: <Content>",
        &[r"(/[\w-]+)+", DOTTED_NAME, r"\b(\-?\+?\d+)\b|\b0[Xx][a-fA-F\d]+\b|\b[a-fA-F\d]{4,}\b"],
        (0.2, 6),
        0.911,
    ),
    preset("Apache", r"\[<Time>\] \[<Level>\] <Content>", &[IPV4], (0.5, 4), 1.0),
    preset(
        "BGL",
        "<Label> <Timestamp> <Date> <Node> <Time> <NodeRepeat> <Type> <Component> <Level> <Content>",
        &[r"core\.\d+"],
        (0.5, 4),
        0.963,
    ),
    preset(
        "HDFS",
        "<Date> <Time> <Pid> <Level> <Component>: <Content>",
        &[r"blk_-?\d+", r"(\d+\.){3}\d+(:\d+)?"],
        (0.5, 4),
        0.998,
    ),
    preset("HPC", "<LogId> <Node> <Component> <State> <Time> <Flag> <Content>", &[r"=\d+"], (0.5, 4), 0.887),
    preset("Hadoop", r"<Date> <Time> <Level> \[<Process>\] <Component>: <Content>", &[IPV4], (0.5, 4), 0.948),
    preset("HealthApp", r"<Time>\|<Component>\|<Pid>\|<Content>", &[], (0.2, 4), 0.780),
    preset(
        "Linux",
        r"<Month> <Date> <Time> <Level> <Component>(\[<PID>\])?: <Content>",
        &[IPV4, r"\d{2}:\d{2}:\d{2}"],
        (0.39, 6),
        0.690,
    ),
    preset(
        "Mac",
        r"<Month>  <Date> <Time> <User> <Component>\[<PID>\]( \(<Address>\))?: <Content>",
        &[DOTTED_NAME],
        (0.7, 6),
        0.787,
    ),
    preset(
        "OpenSSH",
        r"<Date> <Day> <Time> <Component> sshd\[<Pid>\]: <Content>",
        &[IPV4, DOTTED_NAME],
        (0.6, 5),
        0.788,
    ),
    preset(
        "OpenStack",
        r"<Logrecord> <Date> <Time> <Pid> <Level> <Component> \[<ADDR>\] <Content>",
        &[r"((\d+\.){3}\d+,?)+", r"/.+?\s", r"\d+"],
        (0.5, 5),
        0.733,
    ),
    preset(
        "Proxifier",
        r"\[<Time>\] <Program> - <Content>",
        &[r"<\d+\ssec", r"([\w-]+\.)+[\w-]+(:\d+)?", r"\d{2}:\d{2}(:\d{2})*", r"[KGTM]B"],
        (0.6, 3),
        0.527,
    ),
    preset(
        "Spark",
        "<Date> <Time> <Level> <Component>: <Content>",
        &[IPV4, r"\b[KGTM]?B\b", DOTTED_NAME],
        (0.5, 4),
        0.920,
    ),
    preset(
        "Thunderbird",
        r"<Label> <Timestamp> <Date> <User> <Month> <Day> <Time> <Location> <Component>(\[<PID>\])?: <Content>",
        &[IPV4],
        (0.5, 4),
        0.955,
    ),
    preset(
        "Windows",
        "<Date> <Time>, <Level>                  <Component>    <Content>",
        &[r"0x.*?\s"],
        (0.7, 5),
        0.997,
    ),
    preset(
        "Zookeeper",
        r"<Date> <Time> - <Level>  \[<Node>:<Component>@<Id>\] - <Content>",
        &[r"(/|)(\d+\.){3}\d+(:\d+)?"],
        (0.5, 4),
        0.967,
    ),
];
