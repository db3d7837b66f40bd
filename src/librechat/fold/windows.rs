//! Usage by window: cost, tokens and messages of the last day, week and month, of this calendar month and of the one
//! before, by model, agent, email domain, group and user.
//!
//! A transaction is its model's and its user's, and an agent's by the same rule as in [`cost`](super::cost): the one that
//! the row names, else the one of its conversation. An answer is the agent's that gave it, else its model's; a question is its
//! user's. Copies made by forks, duplicates and imports are neither. What has no value of a label is `unknown`, so that the
//! parts of a window come to its total; only agents and groups leave out what is of none.

use std::collections::BTreeMap;

use super::Fold;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::calendar::Day;
use crate::librechat::numbered::{ByNumber, Number};
use crate::librechat::recent::older::Author;
use crate::librechat::recent::{Payer, Recent, Span};
use crate::librechat::record::{Answerer, Record};
use crate::librechat::scope::{Scope, UNKNOWN};
use crate::librechat::table::Combine;
use crate::librechat::usage::Usage;
use crate::librechat::usage::window::{PerWindow, UsageWindow};

/// The families of one label.
struct Families {
    cost: Family<2>,
    tokens: Family<3>,
    messages: Family<2>,
}

static BY_MODEL: Families = Families {
    cost: Family::gauge("librechat_model_cost_usd", ["model", "window"], "Cost in USD of a window by model"),
    tokens: Family::gauge(
        "librechat_model_tokens",
        ["model", "token_type", "window"],
        "Tokens spent in a window by model; those of a prompt by whether they were cached",
    ),
    messages: Family::gauge(
        "librechat_model_messages",
        ["model", "window"],
        "Answers of a window by the model that gave them, failed ones included; without copies and the answers of agents, and \
         those of assistants are of unknown",
    ),
};
static BY_AGENT: Families = Families {
    cost: Family::gauge(
        "librechat_agent_cost_usd",
        ["agent", "window"],
        "Cost in USD of a window by agent, by what its rows say, else by the agent of the conversation",
    ),
    tokens: Family::gauge(
        "librechat_agent_tokens",
        ["agent", "token_type", "window"],
        "Tokens spent in a window by agent; those of a prompt by whether they were cached",
    ),
    messages: Family::gauge(
        "librechat_agent_messages",
        ["agent", "window"],
        "Answers of a window by the agent that gave them, failed ones included; without copies",
    ),
};
static BY_DOMAIN: Families = Families {
    cost: Family::gauge(
        "librechat_email_domain_cost_usd",
        ["email_domain", "window"],
        "Cost in USD of a window by the user's email domain",
    ),
    tokens: Family::gauge(
        "librechat_email_domain_tokens",
        ["email_domain", "token_type", "window"],
        "Tokens spent in a window by the user's email domain; those of a prompt by whether they were cached",
    ),
    messages: Family::gauge(
        "librechat_email_domain_messages",
        ["email_domain", "window"],
        "Questions of a window by the user's email domain, without copies",
    ),
};
static BY_GROUP: Families = Families {
    cost: Family::gauge(
        "librechat_group_cost_usd",
        ["group", "window"],
        "Cost in USD of a window by group; who is in several groups counts in each",
    )
    .not_additive(),
    tokens: Family::gauge(
        "librechat_group_tokens",
        ["group", "token_type", "window"],
        "Tokens spent in a window by group; who is in several groups counts in each",
    )
    .not_additive(),
    messages: Family::gauge(
        "librechat_group_messages",
        ["group", "window"],
        "Questions of a window by group, without copies; who is in several groups counts in each",
    )
    .not_additive(),
};
static BY_USER: Families = Families {
    cost: Family::gauge("librechat_user_cost_usd", ["user", "window"], "Cost in USD of a window by user"),
    tokens: Family::gauge(
        "librechat_user_tokens",
        ["user", "token_type", "window"],
        "Tokens spent in a window by user; those of a prompt by whether they were cached",
    ),
    messages: Family::gauge(
        "librechat_user_messages",
        ["user", "window"],
        "Questions of a window by user, without copies",
    ),
};

impl Families {
    const fn describe(&'static self) -> [Description; 3] {
        [self.cost.describe(), self.tokens.describe(), self.messages.describe()]
    }

    /// What there is none of in a window has no sample.
    fn push(&'static self, label: &str, tally: &Tally, samples: &mut Samples) {
        for (window, usage) in tally.usage.iter() {
            let window = window.label();
            if usage.usd != 0.0 {
                samples.push(&self.cost, [label, window], usage.usd);
            }
            for (token_type, tokens) in usage.tokens.by_type() {
                if tokens != 0.0 {
                    samples.push(&self.tokens, [label, token_type.label(), window], tokens);
                }
            }
        }
        for (window, messages) in tally.messages.iter() {
            if *messages != 0 {
                samples.push(&self.messages, [label, window.label()], f64::from(*messages));
            }
        }
    }
}

/// What is somebody's in each window.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    usage: PerWindow<Usage>,
    messages: PerWindow<u32>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.usage.combine(other.usage, Usage::combine);
        self.messages.combine(other.messages, |messages, more| *messages = messages.saturating_add(more));
    }
}

/// Tallies of what has a number, and of what has none.
#[derive(Debug, Default)]
struct Tallies {
    known: ByNumber<Tally>,
    unknown: Tally,
}

impl Tallies {
    fn update(&mut self, number: Option<Number>, change: impl FnOnce(&mut Tally)) {
        match number {
            Some(number) => self.known.update(number, change),
            None => change(&mut self.unknown),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Option<Number>, &Tally)> {
        let known = self.known.iter().map(|(number, tally)| (Some(number), tally));
        known.chain([(None, &self.unknown)])
    }
}

/// Everything of all windows, by number.
#[derive(Debug, Default)]
struct Sums {
    users: Tallies,
    /// By the model of a row, or by what an answer has as its model, which may be an agent.
    models: Tallies,
    agents: Tallies,
    /// Of rows that name no agent.
    conversations: ByNumber<PerWindow<Usage>>,
}

impl Sums {
    fn of(scope: &Scope<'_>) -> Self {
        let calendar = &scope.names.options.calendar;
        let spans = PerWindow::of(|window| window.span(scope.at, calendar));
        let first = spans.iter().map(|(_, span)| span.from).min();
        let all = Span { from: first.unwrap_or(scope.at), until: scope.at };
        let mut sums = Self::default();
        for spending in scope.recent.spendings(all) {
            sums.spend(spending.by, spending.usage(), spans.map(|span| span.contains(spending.at)));
        }
        for turn in scope.recent.turns(all) {
            if let Some(author) = turn.author() {
                sums.say(author, 1, spans.map(|span| span.contains(turn.at)));
            }
        }
        // Only months reach back to where there are but daily sums, and they begin when a day does.
        let days = PerWindow::of(|window| {
            let span = window.span(scope.at, calendar);
            let is_of_calendar = matches!(window, UsageWindow::Month | UsageWindow::LastMonth);
            is_of_calendar.then(|| (calendar.day(span.from), calendar.day(span.until)))
        });
        let are_in =
            |day: Day| days.map(|days| days.is_some_and(|(from, until)| from <= day && day <= until));
        for (day, by, usage) in scope.recent.older().usage() {
            sums.spend(by, usage, are_in(day));
        }
        for (day, author, messages) in scope.recent.older().messages() {
            sums.say(author, messages, are_in(day));
        }
        sums
    }

    fn spend(&mut self, by: Payer, usage: Usage, windows: PerWindow<bool>) {
        let add = |tally: &mut Tally| tally.usage.update(windows, |sum| sum.combine(usage));
        self.users.update(by.user, add);
        self.models.update(by.model, add);
        if by.agent.is_some() {
            self.agents.update(by.agent, add);
        } else if let Some(conversation) = by.conversation {
            self.conversations.update(conversation, |sums| sums.update(windows, |sum| sum.combine(usage)));
        }
    }

    fn say(&mut self, author: Author, messages: u32, windows: PerWindow<bool>) {
        let add =
            |tally: &mut Tally| tally.messages.update(windows, |sum| *sum = sum.saturating_add(messages));
        match author {
            Author::User(user) => self.users.update(user, add),
            Author::Model(model) => self.models.update(model, add),
        }
    }

    fn export_models<'a>(&self, recent: &'a Recent, samples: &mut Samples) -> BTreeMap<&'a str, Tally> {
        let mut agents: BTreeMap<&str, Tally> = BTreeMap::new();
        for (number, tally) in self.models.iter() {
            match number.map(|number| Answerer::of(recent.name(number))) {
                Some(Answerer::Agent(id)) => agents.entry(id).or_default().add(tally),
                Some(Answerer::Model(model)) => BY_MODEL.push(model, tally, samples),
                Some(Answerer::Assistant(_)) | None => BY_MODEL.push(UNKNOWN, tally, samples),
            }
        }
        agents
    }

    fn export_agents<'a>(
        &self,
        scope: &Scope<'a>,
        mut agents: BTreeMap<&'a str, Tally>,
        samples: &mut Samples,
    ) {
        for (number, tally) in self.agents.known.iter() {
            agents.entry(scope.recent.name(number)).or_default().add(tally);
        }
        for (number, usage) in self.conversations.iter() {
            let id = scope.recent.conversation(number).and_then(|key| scope.names.conversation_agent(key));
            if let Some(id) = id {
                agents.entry(id).or_default().add(&Tally { usage: *usage, ..Tally::default() });
            }
        }
        for (id, tally) in agents {
            BY_AGENT.push(scope.names.agent(id), &tally, samples);
        }
    }

    fn export_users(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let mut domains: BTreeMap<&str, Tally> = BTreeMap::new();
        let mut groups: BTreeMap<&str, Tally> = BTreeMap::new();
        let is_shown = scope.names.options.per_user.is_some();
        for (number, tally) in self.users.iter() {
            let user = scope.recent.user(number);
            domains.entry(scope.names.domain(user)).or_default().add(tally);
            for group in scope.names.groups_of(user) {
                groups.entry(group).or_default().add(tally);
            }
            if is_shown {
                let label = scope.names.user_label(user);
                BY_USER.push(label.as_deref().unwrap_or(UNKNOWN), tally, samples);
            }
        }
        domains.iter().for_each(|(domain, tally)| BY_DOMAIN.push(domain, tally, samples));
        groups.iter().for_each(|(group, tally)| BY_GROUP.push(group, tally, samples));
    }
}

/// Has nothing of its own: the recent past tells it all.
#[derive(Clone, Debug, Default)]
pub struct Windows;

impl Fold for Windows {
    const FAMILIES: &'static [Description] = {
        const ALL: [[Description; 3]; 5] = [
            BY_MODEL.describe(),
            BY_AGENT.describe(),
            BY_DOMAIN.describe(),
            BY_GROUP.describe(),
            BY_USER.describe(),
        ];
        ALL.as_flattened()
    };

    fn absorb(&mut self, _record: &Record<'_>) {}

    fn merge(&mut self, _other: &Self) {}

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let sums = Sums::of(scope);
        let agents = sums.export_models(scope.recent, samples);
        sums.export_agents(scope, agents, samples);
        sums.export_users(scope, samples);
    }
}

#[cfg(test)]
mod tests;
