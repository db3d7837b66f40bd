//! Turns of agents that wait to be run, and runs of schedules, where LibreChat has them (0.8.8 and later).
//!
//! Both have a closed set of statuses; any other is `other`. All statuses of a collection are told of as soon as it has a
//! document, none before: an older LibreChat has no queue, which is not an empty one.

use super::{Fold, Mean, count};
use crate::exposition::cap::OTHER;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::Scope;

static TURNS: Family<1> = Family::gauge(
    "librechat_queued_turns",
    ["status"],
    "Number of agents' turns in the queue by status: reserving, queued and claimed ones wait, admitted, cancelled and \
     dead ones are done with (only where there are any)",
).momentary();
static OLDEST: Family<1> = Family::gauge(
    "librechat_oldest_queued_turn_seconds",
    ["status"],
    "Age of the agent's turn that waits longest, by status (only where one waits)",
)
.not_additive()
.momentary();
static RUNS: Family<1> = Family::gauge(
    "librechat_schedule_runs",
    ["status"],
    "Number of runs of schedules by status, of the 90 days for which they are kept (only where there are any)",
).momentary();

static RUN_SECONDS: Family<1> = Family::gauge(
    "librechat_schedule_run_mean_seconds",
    ["status"],
    "Mean time of the runs of schedules by status, of the 90 days for which they are kept (only where LibreChat stores it)",
).momentary();

static RUN_MCP: Family<1> = Family::gauge(
    "librechat_schedule_runs_with_mcp_problem",
    ["problem"],
    "Number of runs of schedules in which an MCP server could not be used, by why: mcp_reauth_required is a sign-in that was \
     lost (only where LibreChat tells)",
)
.not_additive().momentary();

/// Why an MCP server could not be used.
const MCP_PROBLEMS: [&str; 4] =
    ["mcp_reauth_required", "mcp_configuration_missing", "mcp_permission_denied", "mcp_unavailable"];

const TURN_STATUSES: [&str; 7] = ["reserving", "queued", "claimed", "admitted", "cancelled", "dead", OTHER];
const RUN_STATUSES: [&str; 8] = [
    "started",
    "requires_action",
    "success",
    "error",
    "interrupted",
    "skipped_overlap",
    "skipped_balance",
    OTHER,
];
/// Those that are neither run nor given up.
const WAITING: [&str; 3] = ["reserving", "queued", "claimed"];

#[derive(Clone, Copy, Debug, Default)]
pub struct Queues {
    turns: [Turns; TURN_STATUSES.len()],
    runs: [usize; RUN_STATUSES.len()],
    seconds: [Mean; RUN_STATUSES.len()],
    /// Runs that tell of their MCP servers, and those with each problem.
    runs_with_mcp: usize,
    mcp_problems: [usize; MCP_PROBLEMS.len()],
}

/// Turns of one status.
#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    count: usize,
    oldest: Option<Moment>,
}

impl Turns {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
    }
}

/// What is kept for a status; what is kept for the last one when it is none of them.
fn slot<'a, T>(statuses: &[&str], values: &'a mut [T], status: Option<&str>) -> Option<&'a mut T> {
    let known = statuses.iter().position(|known| Some(*known) == status);
    values.get_mut(known.unwrap_or(statuses.len() - 1))
}

/// `other` is told of only where there is one.
fn is_shown(status: &str, count: usize) -> bool {
    status != OTHER || count > 0
}

impl Fold for Queues {
    const FAMILIES: &'static [Description] =
        &[TURNS.describe(), OLDEST.describe(), RUNS.describe(), RUN_SECONDS.describe(), RUN_MCP.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::QueuedTurn(turn) => {
                if let Some(turns) = slot(&TURN_STATUSES, &mut self.turns, turn.status.as_deref()) {
                    turns.add(Turns { count: 1, oldest: turn.created });
                }
            }
            Record::ScheduleRun(run) => {
                self.runs_with_mcp += usize::from(!run.mcp.is_empty());
                for (problem, runs) in MCP_PROBLEMS.iter().zip(&mut self.mcp_problems) {
                    *runs += usize::from(run.mcp.iter().any(|status| status == problem));
                }
                if let Some(runs) = slot(&RUN_STATUSES, &mut self.runs, run.status.as_deref()) {
                    *runs += 1;
                }
                if let (Some(mean), Some(seconds)) =
                    (slot(&RUN_STATUSES, &mut self.seconds, run.status.as_deref()), run.seconds)
                {
                    mean.add(seconds);
                }
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.turns.iter_mut().zip(other.turns).for_each(|(turns, other)| turns.add(other));
        self.runs.iter_mut().zip(other.runs).for_each(|(runs, other)| *runs += other);
        self.runs_with_mcp += other.runs_with_mcp;
        self.mcp_problems.iter_mut().zip(other.mcp_problems).for_each(|(runs, other)| *runs += other);
        self.seconds.iter_mut().zip(other.seconds).for_each(|(mean, other)| mean.merge(other));
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        if self.turns.iter().any(|turns| turns.count > 0) {
            for (status, turns) in TURN_STATUSES.iter().zip(self.turns) {
                if is_shown(status, turns.count) {
                    samples.push(&TURNS, [status], count(turns.count));
                }
                if let Some(oldest) = turns.oldest.filter(|_| WAITING.contains(status)) {
                    // A clock that is ahead of ours makes no negative age.
                    samples.push(&OLDEST, [status], scope.at.seconds_since(oldest).max(0.0));
                }
            }
        }
        for (status, mean) in RUN_STATUSES.iter().zip(self.seconds) {
            samples.push_mean(&RUN_SECONDS, [status], mean.sum, mean.count);
        }
        if self.runs_with_mcp > 0 {
            for (problem, runs) in MCP_PROBLEMS.iter().zip(self.mcp_problems) {
                samples.push(&RUN_MCP, [problem], count(runs));
            }
        }
        if self.runs.iter().any(|runs| *runs > 0) {
            for (status, runs) in RUN_STATUSES.iter().zip(self.runs) {
                if is_shown(status, runs) {
                    samples.push(&RUNS, [status], count(runs));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::{QueuedTurn, ScheduleRun};

    fn turn(status: Option<&'static str>, created: Option<i64>) -> Record<'static> {
        let (status, created) = (status.map(Into::into), created.map(Moment));
        Record::QueuedTurn(QueuedTurn { status, created })
    }

    #[test]
    fn only_turns_that_wait_have_an_age() {
        let records = [
            turn(Some("queued"), Some(4_000)),
            turn(Some("queued"), Some(1_500)),
            turn(Some("queued"), None),
            turn(Some("claimed"), Some(12_000)),
            turn(Some("dead"), Some(0)),
            turn(Some("postponed"), Some(0)),
            turn(None, Some(0)),
        ];
        assert_eq!(
            lines::<Queues>(&records, &[], 10_000),
            [
                r#"librechat_oldest_queued_turn_seconds{status="claimed"} 0"#,
                r#"librechat_oldest_queued_turn_seconds{status="queued"} 8.5"#,
                r#"librechat_queued_turns{status="admitted"} 0"#,
                r#"librechat_queued_turns{status="cancelled"} 0"#,
                r#"librechat_queued_turns{status="claimed"} 1"#,
                r#"librechat_queued_turns{status="dead"} 1"#,
                r#"librechat_queued_turns{status="other"} 2"#,
                r#"librechat_queued_turns{status="queued"} 3"#,
                r#"librechat_queued_turns{status="reserving"} 0"#,
            ]
        );
    }

    #[test]
    fn runs_are_counted_by_status_and_a_librechat_without_them_claims_nothing() {
        let servers = || ["ready", "mcp_reauth_required", "mcp_reauth_required"].map(Into::into).to_vec();
        let run = |status: &'static str| {
            Record::ScheduleRun(ScheduleRun {
                status: Some(status.into()),
                seconds: (status == "success").then_some(2.5),
                mcp: if status == "error" { servers() } else { Vec::new() },
            })
        };
        let records = ["success", "success", "skipped_balance", "error"].map(run);
        assert_eq!(
            lines::<Queues>(&records, &[], 0),
            [
                r#"librechat_schedule_run_mean_seconds{status="success"} 2.5"#,
                r#"librechat_schedule_runs{status="error"} 1"#,
                r#"librechat_schedule_runs{status="interrupted"} 0"#,
                r#"librechat_schedule_runs{status="requires_action"} 0"#,
                r#"librechat_schedule_runs{status="skipped_balance"} 1"#,
                r#"librechat_schedule_runs{status="skipped_overlap"} 0"#,
                r#"librechat_schedule_runs{status="started"} 0"#,
                r#"librechat_schedule_runs{status="success"} 2"#,
                r#"librechat_schedule_runs_with_mcp_problem{problem="mcp_configuration_missing"} 0"#,
                r#"librechat_schedule_runs_with_mcp_problem{problem="mcp_permission_denied"} 0"#,
                r#"librechat_schedule_runs_with_mcp_problem{problem="mcp_reauth_required"} 1"#,
                r#"librechat_schedule_runs_with_mcp_problem{problem="mcp_unavailable"} 0"#,
            ]
        );
        assert!(lines::<Queues>(&[], &[], 0).is_empty());
    }
}
