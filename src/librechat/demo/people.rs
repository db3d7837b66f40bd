//! Who uses the demo: some who were always there, and newcomers, of whom the oldest leave again.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::cast::{DOMAINS, PIONEERS, PROVIDERS};
use super::shelf::Shelf;
use super::world::{DAY, Dice, Pace};
use crate::librechat::record::id::Id;
use crate::librechat::record::{Balance, Group, Moment, Record, Session, User};

/// Those who were always there.
pub const REGULARS: u32 = 40;
const PIONEER_COUNT: u32 = 8;
const NEWCOMERS: u32 = 200;
/// What everybody begins with, and gets again: 2 USD.
const ALLOWANCE: f64 = 2e6;
const SESSION: i64 = 7 * DAY;

#[derive(Debug)]
pub struct People {
    pub users: Shelf<Record<'static>>,
    pub groups: Shelf<Record<'static>>,
    pub balances: Shelf<Record<'static>>,
    pub sessions: Shelf<Record<'static>>,
    /// The number of the next newcomer.
    next: u32,
}

impl People {
    /// The regulars, of whom the last one came `now`.
    pub fn new(past: Moment, now: Moment, dice: &mut Dice) -> Self {
        let mut people = Self {
            users: Shelf::new(usize::MAX),
            groups: Shelf::new(usize::MAX),
            balances: Shelf::new(usize::MAX),
            sessions: Shelf::new(3_000),
            next: REGULARS,
        };
        for number in 0..REGULARS {
            people.register(number, past, now.before(i64::from(number) * 9 * DAY), dice);
        }
        people.form_groups(past);
        people
    }

    fn register(&mut self, number: u32, at: Moment, created: Moment, dice: &mut Dice) {
        let (domain, _) = DOMAINS.choose(dice).copied().unwrap_or_default();
        let user = User {
            id: Some(user_id(number)),
            email: Some(format!("user{number}@{domain}").into()),
            name: Some(format!("User {number}").into()),
            username: Some(format!("user{number}").into()),
            provider: PROVIDERS.choose(dice).map(|provider| (*provider).into()),
            role: Some(if number == 0 { "ADMIN" } else { "USER" }.into()),
            has_two_factor: Some(number.is_multiple_of(4)),
            has_accepted_terms: Some(!number.is_multiple_of(9)),
            email_verified: dice.random_bool(0.9),
            created: Some(created),
            source_id: Some(source_id(number)),
        };
        self.users.push(at, Record::User(user));
        let (id, credits) = (Some(user_id(number)), Some(ALLOWANCE));
        self.balances
            .push(at, Record::Balance(Balance { user: id.clone(), id, credits, reserved: Some(0.0) }));
    }

    /// A group for each domain, and one across all. Every second one has its members from a directory, by their ids
    /// there.
    fn form_groups(&mut self, at: Moment) {
        for (index, (domain, name)) in DOMAINS.iter().enumerate() {
            let of_domain = |number: &u32| {
                let id = user_id(*number);
                self.users.iter().any(|user| {
                    matches!(user, Record::User(user) if user.id.as_ref() == Some(&id)
                        && user.email.as_deref().is_some_and(|email| email.ends_with(domain)))
                })
            };
            let member = if index % 2 == 0 { user_id } else { source_id };
            let members = (0..REGULARS).filter(of_domain).map(member).collect();
            self.groups.push(at, group(name, members));
        }
        self.groups.push(at, group(PIONEERS, (0..PIONEER_COUNT).map(user_id).collect()));
    }

    /// Somebody comes, somebody signs in, somebody's credits are filled up.
    pub fn live(&mut self, now: Moment, pace: &Pace, dice: &mut Dice) {
        if pace.registrations.is_now(now, dice) {
            let number = self.next;
            self.next += 1;
            self.register(number, now, now, dice);
            if let Some(gone) = number.checked_sub(NEWCOMERS).filter(|gone| *gone >= REGULARS) {
                self.leave(&user_id(gone));
            }
        }
        if pace.logins.is_now(now, dice) {
            let expiration = Some(now.before(-SESSION));
            self.sessions.push(now, Record::Session(Session { start: Some(now), expiration }));
            // A day later than they do with LibreChat, so that some are seen to have expired.
            let gone = now.before(DAY);
            self.sessions.retain(|session| {
                matches!(session, Record::Session(session) if session.expiration.is_none_or(|end| end > gone))
            });
        }
        if pace.refills.is_now(now, dice) {
            let mut balances = self.balances.iter_mut().filter_map(balance);
            if let Some(empty) = balances.find(|balance| balance.credits.is_none_or(|credits| credits <= 0.0))
            {
                empty.credits = Some(ALLOWANCE);
            }
        }
    }

    fn leave(&mut self, gone: &Id) {
        self.users.retain(|user| !matches!(user, Record::User(user) if user.id.as_ref() == Some(gone)));
        self.balances.retain(
            |balance| !matches!(balance, Record::Balance(balance) if balance.user.as_ref() == Some(gone)),
        );
    }

    /// Somebody who is there; some more often than others.
    pub fn anybody(&self, dice: &mut Dice) -> u32 {
        if self.next > REGULARS && dice.random_bool(0.15) {
            return dice.random_range(self.next.saturating_sub(NEWCOMERS).max(REGULARS)..self.next);
        }
        // The lower of two draws: some talk more than others.
        dice.random_range(0..REGULARS).min(dice.random_range(0..REGULARS))
    }

    /// Whether a user has credits left.
    pub fn can_pay(&self, user: u32) -> bool {
        let id = user_id(user);
        let mut balances = self.balances.iter();
        balances.any(|balance| {
            matches!(balance, Record::Balance(balance) if balance.user.as_ref() == Some(&id)
                && balance.credits.is_some_and(|credits| credits > 0.0))
        })
    }

    pub fn give(&mut self, user: u32, credits: f64) {
        self.pay(user, -credits);
    }

    pub fn pay(&mut self, user: u32, credits: f64) {
        let id = user_id(user);
        let mut balances = self.balances.iter_mut().filter_map(balance);
        if let Some(balance) = balances.find(|balance| balance.user.as_ref() == Some(&id)) {
            balance.credits = balance.credits.map(|left| (left - credits).max(0.0));
        }
    }
}

fn balance<'a>(record: &'a mut Record<'static>) -> Option<&'a mut Balance> {
    match record {
        Record::Balance(balance) => Some(balance),
        _ => None,
    }
}

fn group(name: &'static str, members: Vec<Id>) -> Record<'static> {
    Record::Group(Group { id: None, name: Some(name.into()), members })
}

pub fn user_id(user: u32) -> Id {
    Id::from(format!("{user:024x}").as_str())
}

fn source_id(user: u32) -> Id {
    Id::from(format!("directory-{user}").as_str())
}
