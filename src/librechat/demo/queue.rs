//! Turns of agents that wait to be run, and runs of schedules.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::shelf::Shelf;
use super::world::{Dice, Pace};
use crate::librechat::record::{Moment, QueuedTurn, Record, ScheduleRun};

const MAX_TURNS: usize = 60;
const MAX_RUNS: usize = 400;

/// How a turn goes on that has a status, each as likely as it is often there; others stay as they are.
const TURNS: &[(&str, &[&str])] = &[
    ("reserving", &["queued"]),
    ("queued", &["queued", "queued", "claimed", "claimed", "claimed", "cancelled"]),
    ("claimed", &["claimed", "admitted", "admitted", "admitted", "admitted", "admitted", "admitted", "dead"]),
];

const RUNS: &[(&str, &[&str])] = &[
    (
        "started",
        &["started", "success", "success", "success", "success", "error", "interrupted", "requires_action"],
    ),
    ("requires_action", &["requires_action", "requires_action", "requires_action", "success"]),
];

/// What becomes of a schedule that is due.
const DUE: &[&str] = &["started", "started", "started", "started", "skipped_overlap", "skipped_balance"];

/// How the MCP server of a schedule is when it is due.
const MCP: &[&str] = &["ready", "ready", "ready", "ready", "mcp_reauth_required", "mcp_unavailable"];

#[derive(Debug)]
pub struct Queue {
    pub turns: Shelf<Record<'static>>,
    pub runs: Shelf<Record<'static>>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { turns: Shelf::new(MAX_TURNS), runs: Shelf::new(MAX_RUNS) }
    }
}

impl Queue {
    pub fn live(&mut self, now: Moment, pace: &Pace, dice: &mut Dice) {
        let runs = self.runs.iter_mut().rev().take(MAX_TURNS);
        for record in self.turns.iter_mut().chain(runs) {
            let (status, ways) = match record {
                Record::QueuedTurn(turn) => (&mut turn.status, TURNS),
                Record::ScheduleRun(run) => {
                    run.seconds = run.seconds.or_else(|| Some(dice.random_range(2.0..90.0)));
                    (&mut run.status, RUNS)
                }
                _ => continue,
            };
            let next = ways.iter().find(|(known, _)| status.as_deref() == Some(*known));
            if let Some((_, next)) = next.filter(|_| dice.random_bool(0.15)) {
                *status = next.choose(dice).map(|next| (*next).into());
            }
        }
        if pace.queued.is_now(now, dice) {
            let (status, created) = (Some("reserving".into()), Some(now));
            self.turns.push(now, Record::QueuedTurn(QueuedTurn { status, created }));
        }
        if pace.runs.is_now(now, dice) {
            let status = DUE.choose(dice).map(|status| (*status).into());
            let mcp = MCP.iter().cycle().nth(self.runs.iter().count()).map(|status| (*status).into());
            self.runs.push(
                now,
                Record::ScheduleRun(ScheduleRun { status, seconds: None, mcp: mcp.into_iter().collect() }),
            );
        }
    }
}
