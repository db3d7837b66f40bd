//! What happens in the demo, second by second.
//!
//! Each second draws from a generator of its own, seeded by the world's seed and the second: how the time is cut into
//! calls cannot change what happens in it.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::cast::{AGENTS, MODELS};
use super::chats::Chats;
use super::furniture::Furniture;
use super::people::{People, user_id};
use super::queue::Queue;
use super::shelf::{Documents, Shelf};
use crate::librechat::record::{Agent, Collection, Moment, Record};

pub const SECOND: i64 = 1_000;
pub const HOUR: i64 = 3_600 * SECOND;
pub const DAY: i64 = 24 * HOUR;

/// What lies behind when the demo starts.
const HISTORY: i64 = 35 * DAY;

pub type Dice = Xoshiro256PlusPlus;

/// How often something happens: by chance in a step, and for certain whenever so many seconds of the clock are over.
#[derive(Clone, Copy, Debug)]
pub struct Often {
    chance: f64,
    /// 0 is never.
    every: i64,
}

impl Often {
    const fn by_chance(chance: f64) -> Self {
        Self { chance, every: 0 }
    }

    const fn or_every(self, seconds: i64) -> Self {
        Self { every: seconds, ..self }
    }

    pub fn is_now(self, now: Moment, dice: &mut Dice) -> bool {
        dice.random_bool(self.chance) || (now.0 / SECOND).checked_rem(self.every) == Some(0)
    }
}

/// How fast time passes, and how often something happens in it.
#[derive(Debug)]
pub struct Pace {
    pub step: i64,
    pub turns: Often,
    /// Turns that fail, and those with a tool that fails, besides those that do by chance.
    pub failures: Often,
    pub broken_tools: Often,
    pub ratings: Often,
    pub logins: Often,
    pub registrations: Often,
    pub refills: Often,
    /// Conversations that are forked, credits that are granted, answers by the API, and those that nobody pays for.
    pub forks: Often,
    pub grants: Often,
    pub api_answers: Often,
    pub unbilled: Often,
    pub queued: Often,
    pub runs: Often,
    pub furniture: Often,
}

/// What lies behind, in long steps.
const PAST: Pace = Pace {
    step: 600 * SECOND,
    turns: Often::by_chance(0.7),
    failures: Often::by_chance(0.0),
    broken_tools: Often::by_chance(0.0),
    ratings: Often::by_chance(0.06),
    logins: Often::by_chance(0.03),
    registrations: Often::by_chance(0.005),
    refills: Often::by_chance(0.02),
    forks: Often::by_chance(0.005),
    grants: Often::by_chance(0.005),
    api_answers: Often::by_chance(0.02),
    unbilled: Often::by_chance(0.01),
    queued: Often::by_chance(0.01),
    runs: Often::by_chance(0.05),
    furniture: Often::by_chance(0.0),
};

/// From an hour before the start on: `rate()` over a minute has something to show of every event, however the dice
/// fall.
const PRESENT: Pace = Pace {
    step: SECOND,
    turns: Often::by_chance(0.5),
    failures: Often::by_chance(0.0).or_every(40),
    broken_tools: Often::by_chance(0.0).or_every(15),
    ratings: Often::by_chance(0.05).or_every(12),
    logins: Often::by_chance(0.02).or_every(15),
    registrations: Often::by_chance(0.005).or_every(45),
    refills: Often::by_chance(0.005),
    forks: Often::by_chance(0.0).or_every(50),
    grants: Often::by_chance(0.0).or_every(35),
    api_answers: Often::by_chance(0.02).or_every(20),
    unbilled: Often::by_chance(0.0).or_every(14),
    queued: Often::by_chance(0.2),
    runs: Often::by_chance(0.05),
    furniture: Often::by_chance(0.002),
};

/// Everything there is at one instant.
#[derive(Debug)]
pub struct World {
    seed: u64,
    now: Moment,
    people: People,
    agents: Shelf<Record<'static>>,
    chats: Chats,
    queue: Queue,
    furniture: Furniture,
}

impl World {
    /// A world that has lived for [`HISTORY`] when it is `now`.
    pub fn new(seed: u64, now: Moment) -> Self {
        let now = Moment(now.0 / SECOND * SECOND);
        let past = now.before(HISTORY);
        let mut agents = Shelf::new(AGENTS.len());
        for ((id, name), author) in AGENTS.iter().zip(0..) {
            let model = MODELS.iter().cycle().nth(usize::try_from(author).unwrap_or(0));
            let agent = Agent {
                id: Some((*id).into()),
                name: Some((*name).into()),
                author: Some(user_id(author)),
                provider: model.map(|model| model.endpoint.into()),
                model: model.map(|model| model.name.into()),
                category: Some(if author % 2 == 0 { "general" } else { "code" }.into()),
                is_promoted: Some(author == 0),
                mcp_servers: if author == 0 {
                    vec!["wiki".into(), "tracker".into()]
                } else {
                    vec!["wiki".into()]
                },
            };
            agents.push(past, Record::Agent(agent));
        }
        let mut world = Self {
            seed,
            now: past,
            people: People::new(past, now, &mut Dice::seed_from_u64(seed)),
            agents,
            chats: Chats::default(),
            queue: Queue::default(),
            furniture: Furniture::new(past, now),
        };
        while world.now < now.before(HOUR) {
            world.step(&PAST);
        }
        world.live_until(now);
        world
    }

    /// Lives on until `now`.
    pub fn live_until(&mut self, now: Moment) {
        while self.now.0 + PRESENT.step <= now.0 {
            self.step(&PRESENT);
        }
    }

    fn step(&mut self, pace: &Pace) {
        self.now = Moment(self.now.0 + pace.step);
        let mut dice = Dice::seed_from_u64(self.seed ^ self.now.0.cast_unsigned());
        self.people.live(self.now, pace, &mut dice);
        self.chats.live(self.now, &mut self.people, pace, &mut dice);
        self.queue.live(self.now, pace, &mut dice);
        self.furniture.live(self.now, pace, &mut dice);
    }

    /// What a collection holds; `None` is one that the demo has not.
    pub fn documents(&self, collection: Collection) -> Option<&dyn Documents> {
        Some(match collection {
            Collection::Messages => &self.chats.messages,
            Collection::Transactions => &self.chats.transactions,
            Collection::Conversations => &self.chats.conversations,
            Collection::Users => &self.people.users,
            Collection::Groups => &self.people.groups,
            Collection::Balances => &self.people.balances,
            Collection::Sessions => &self.people.sessions,
            Collection::Agents => &self.agents,
            Collection::AgentQueuedTurns => &self.queue.turns,
            Collection::ScheduleRuns => &self.queue.runs,
            other => self.furniture.shelf(other)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::chats::MAX_MESSAGES;
    use super::*;

    const START: Moment = Moment(1_795_247_940_000);

    #[test]
    fn the_same_seed_gives_the_same_world_however_the_time_is_cut() {
        let fingerprint = |world: &World| format!("{world:?}");
        let end = Moment(START.0 + 600 * SECOND);
        let mut whole = World::new(7, START);
        let before = whole.chats.messages.iter().count();
        whole.live_until(end);
        let mut cut = World::new(7, START);
        (0..=600_000).step_by(7_300).for_each(|step| cut.live_until(Moment(START.0 + step)));
        cut.live_until(end);
        assert!(fingerprint(&whole) == fingerprint(&cut));
        assert!(fingerprint(&whole) != fingerprint(&World::new(8, START)));
        assert!(whole.chats.messages.iter().count() > before + 400, "it does not live");
    }

    #[test]
    fn whatever_is_kept_is_bounded() {
        let mut world = World::new(7, START);
        world.live_until(Moment(START.0 + 30 * HOUR));
        assert_eq!(world.chats.messages.iter().count(), MAX_MESSAGES);
        assert_eq!(world.chats.transactions.iter().count(), MAX_MESSAGES);
        assert!(world.people.users.iter().count() <= 240 && world.people.balances.iter().count() <= 240);
    }
}
