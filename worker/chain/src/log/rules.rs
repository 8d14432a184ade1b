//! One switch per rule, so that the simulator can show what each rule is for.
//!
//! Production always runs [`Rules::ALL`]. A switch is looked at once per frame, cut, save or decision, never per
//! record. With a rule switched off the code does what the first version of the protocol said (section 2 of the
//! protocol's document lists the counter-examples). Some rules bind what stands around the chain (an owner, a
//! sink, an operator); their switches are here too, so that there is one list, and are looked at by the simulator.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident $name:literal $rule:literal,)*) => {
        /// A rule, or a part of one, that can be switched off.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Rule {
            $($(#[$doc])* $variant,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name on the command line and in figures.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its number in the protocol's document.
            pub const fn number(self) -> &'static str {
                match self { $(Self::$variant => $rule,)* }
            }
        }
    };
}

rules! {
    /// A readable record is never replaced. Off: the broker drops the tail of an internal log and nobody looks.
    LogIsAppendOnly "log-is-append-only" "R0",
    /// Owners compare the fingerprint of the last frame they folded. Off, with the axiom broken: no alarm.
    Fingerprint "fingerprint" "R0",
    /// Positions have a sub-index. Off: offsets only.
    SubPositions "sub-positions" "R1",
    /// A frame that ends inside a step carries the marks of before it. Off: those of after it.
    MarksBeforeStep "marks-before-step" "R1",
    /// A frame from beyond `next` is not taken. Off: the gap is jumped over.
    GapTakesNothing "gap-takes-nothing" "R2.1",
    /// Marks merge also from repeats. Off: `to <= next` drops them.
    MarksFromRepeats "marks-from-repeats" "R2.3",
    /// Time moves behind a frame's records. Off: before them.
    TimeLast "time-last" "R2.4",
    /// Claims use the clock of when the request was sent. Off: of now.
    ClaimAtRequest "claim-at-request" "R3",
    /// Idle upstreams stay in the minimum. Off: they are left out.
    IdleStays "idle-stays" "R3",
    /// The watermark waits for every known upstream. Off: only for those heard from.
    KnownUpstreams "known-upstreams" "R4",
    /// A line's fate is a function of the source log. Off: an owner's quota decides.
    FateBySource "fate-by-source" "R5",
    /// Far-future times are judged against the record's timestamp. Off: against the owner's clock.
    ClampBySource "clamp-by-source" "R5",
    /// Multi-line events are assembled behind the first log. Off: in ingest, closed by the owner's clock.
    AssembleBehindLog "assemble-behind-log" "R6",
    /// An open assembly holds its upstream's watermark. Off: it does not.
    AssemblyHolds "assembly-holds" "R6",
    /// Aggregates leave state inside steps only. Off: by the owner's timer.
    AggregatesByLog "aggregates-by-log" "R7",
    /// Bounds of state are logical. Off: they depend on the process.
    LogicalBounds "logical-bounds" "R7",
    /// An owner serves its own logic version only. Off: two versions share a generation.
    LogicVersion "logic-version" "R8",
    /// A checkpoint waits for coverage (and gaps are not repaired). Off: stored at once.
    Coverage "coverage" "R9",
    /// Coverage is a contiguous prefix. Off: the highest acknowledgement counts.
    CoverageContiguous "coverage-contiguous" "R9",
    /// A checkpoint at x is the state at x. Off: the state of when it is stored.
    StateAtPosition "state-at-position" "R9",
    /// A failed frame is never sent again alone. Off: it is.
    ResendInOrder "resend-in-order" "R10",
    /// A re-send includes frames acknowledged after the failed one. Off: those are left out.
    ResendAcked "resend-acked" "R10",
    /// Cursors are part of the state. Off: a restarted owner takes what comes.
    CursorsAreState "cursors-are-state" "R11",
    /// Checkpoints are create-only objects. Off: one object, last writer wins.
    CreateOnly "create-only" "R12",
    /// Three newest checkpoints are kept. Off: the newest only.
    KeepThree "keep-three" "R13",
    /// Trimming waits for the receivers' durable cursors. Off: it does not.
    TrimWaitsForReceivers "trim-waits-for-receivers" "R13",
    /// Gaps that stay are repaired by request. Off: they stay.
    Repair "repair" "R14",
    /// The origin of a task is fixed before its first frame. Off: each owner looks up its own.
    OriginFixed "origin-fixed" "R15",
    /// Out of range reloads a checkpoint. Off: goes to the earliest offset.
    OutOfRangeReloads "out-of-range-reloads" "R16",
    /// The end of a source is the consumer's position. Off: the last record's offset.
    EndByPosition "end-by-position" "R17",
    /// A stage never stops reading because its state is full. Off: it does.
    NoSelfWait "no-self-wait" "R18",
    /// A non-deterministic stage has one outlet. Off: two.
    OneOutlet "one-outlet" "R19",
    /// The receiver counts what it takes. Off: whole frames are counted.
    CountAfterReceive "count-after-receive" "R20",
    /// Objects are named by their start. Off: by a range cut by the clock.
    ObjectsByStart "objects-by-start" "R21",
    /// Objects are put only if absent. Off: overwritten.
    ObjectsIfAbsent "objects-if-absent" "R21",
    /// Objects hold cursors. Off: they do not.
    ObjectCursors "object-cursors" "R21",
    /// A transaction commits cursors with the position. Off: the position alone.
    TransactionCursors "transaction-cursors" "R21",
    /// Commits of superseded owners are fenced. Off: accepted.
    TransactionFence "transaction-fence" "R21",
    /// A change of generation seals first. Off: the operator stops workers and takes their positions.
    Seal "seal" "R22",
    /// The cut is the maximum over partitions. Off: the minimum.
    CutIsMaximum "cut-is-maximum" "R22",
    /// Partitions are topped up to the cut before they are carried. Off: carried as they are.
    TopUp "top-up" "R22",
    /// Frames are clipped at the cut. Off: taken whole.
    Clip "clip" "R22",
    /// A clipped frame's marks are left alone. Off: they are merged.
    ClipMarks "clip-marks" "R22",
    /// The cut is a function of the logs. Off: of what the operator believes.
    CutFromLogs "cut-from-logs" "R22",
    /// A sealed fold takes no frames. Off: it goes on.
    SealFreezes "seal-freezes" "R22",
    /// Nothing trusts committed offsets. Off: an owner starts at the group's.
    PlacementIsHint "placement-is-hint" "R23",
    /// Frames are bounded by construction. Off: a frame holds all there is.
    BoundedFrames "bounded-frames" "R24",
    /// A line whose fold panics becomes a dead letter. Off: it kills its owner, again and again.
    PoisonIsCaught "poison-is-caught" "R24",
    /// A claim with provisionals is taken only at `to == next`. Off: its time is merged from repeats too.
    ClaimAtNext "claim-at-next" "R25",
    /// Provisionals replace. Off: they add.
    ProvisionalsReplace "provisionals-replace" "R25",
    /// A final ends the standing provisional. Off: it stays.
    FinalEndsProvisional "final-ends-provisional" "R25",
    /// Provisionals not named by a later claim stay. Off: the set is replaced.
    StandingStay "standing-stay" "R25",
    /// A claim names all open panes that it passes. Off: only changed ones.
    ClaimIsComplete "claim-is-complete" "R25",
    /// Claims die with their incarnation. Off: they survive a reload, and hold wherever it goes back to.
    ClaimsDie "claims-die" "R25",
    /// Sending a provisional changes no state. Off: the pane counts as flushed.
    ProvisionalIsNoFlush "provisional-is-no-flush" "R25",
    /// Standing and credited provisionals are state. Off: they are not saved.
    StandingIsState "standing-is-state" "R25",
    /// What a closed window used is kept as credit. Off: forgotten.
    CreditKept "credit-kept" "R25",
}

/// Names a rule that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no rule named {name:?}")]
pub struct UnknownRule {
    /// What was asked for.
    pub name: String,
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        let found = Self::ALL.iter().copied().find(|rule| rule.name() == name);
        found.ok_or_else(|| UnknownRule { name: name.to_owned() })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The set of rules in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules(u128);

impl Rules {
    /// All of them: the only set that production uses.
    pub const ALL: Self = Self(u128::MAX);

    /// True when the rule is in force.
    #[inline]
    pub const fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u8) != 0
    }

    /// This set without one rule.
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u8))
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::ALL
    }
}

const _: () = assert!(Rule::ALL.len() <= 128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_own_switch_and_name() {
        for rule in Rule::ALL {
            let rules = Rules::ALL.without(*rule);
            for other in Rule::ALL {
                assert_eq!(rules.has(*other), other != rule);
            }
            assert_eq!(rule.name().parse(), Ok(*rule));
        }
        assert!("no-such-rule".parse::<Rule>().is_err());
    }
}
