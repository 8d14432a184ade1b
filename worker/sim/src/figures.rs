//! What happened in runs, as numbers.

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of one run, or of many.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Figures {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Figures {
            /// Adds another run's.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// Names and numbers.
            pub fn pairs(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

figures! {
    /// Events of the queue.
    events,
    /// Simulated seconds.
    seconds_simulated,
    /// Source lines.
    lines,
    /// Owners that began.
    owners,
    /// Owners that died.
    kills,
    /// Owners that lived on behind a new one.
    zombies,
    /// Owners that stood still for long.
    pauses,
    /// Owners cut off from the broker.
    cut_off,
    /// Clocks that jumped.
    clock_jumps,
    /// Owners of another logic version that were refused.
    refused,
    /// Frames that were cut.
    frames,
    /// Frames that end inside a step.
    split_frames,
    /// Frames lost, with an error.
    lost_frames,
    /// Frames lost though acknowledged.
    acked_lost_frames,
    /// Frames in the log though reported as failed.
    false_errors,
    /// Frames that came much later.
    slow_frames,
    /// Frames that a receiver had whole.
    repeats,
    /// Frames of which a receiver had a part.
    partial_repeats,
    /// Frames from beyond.
    gaps,
    /// Requests for repair.
    repair_requests,
    /// Panes that came as provisionals, with claims that relied on them.
    provisionals,
    /// Runs whose windows were compared with the lines themselves.
    compared_with_lines,
    /// Aggregates that corrected one before.
    corrections,
    /// Owners that went back on request.
    repairs,
    /// Producer sessions that sent again.
    resends,
    /// Checkpoints put.
    checkpoints,
    /// Of these, by superseded owners.
    zombie_checkpoints,
    /// Checkpoints that rotted.
    rotten_checkpoints,
    /// Checkpoints that never arrived.
    lost_checkpoints,
    /// Logs trimmed.
    trims,
    /// Objects that another owner had put first.
    adopted_objects,
    /// Commits that were fenced.
    fenced_commits,
    /// Changes of generation that came to an end.
    generations,
    /// Operators at work on them.
    operators,
    /// Lines that came late.
    late,
    /// Windows' aggregates accepted.
    aggregates,
    /// Alerts accepted.
    alerts,
    /// Checks of the oracle.
    checks,
}
