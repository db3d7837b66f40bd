//! A report: usage between two instants, by at most two dimensions, straight from the database.
//!
//! What counts where is as in the [windowed families](super::fold::windows), so that a report of the same window says
//! the same. Bounded by the combinations of values that were used, and the conversations and days of each.

pub mod dimension;
pub mod html;
pub mod layout;
pub mod text;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use self::dimension::{By, Dimension};
use super::calendar::{Calendar, Clock, Day};
use super::numbered::{Number, Numbered};
use super::recent::Span;
use super::record::id::{Id, Key};
use super::record::{Answerer, Collection, Message, Moment, Rating, Record, Transaction, is_agent};
use super::scope::{Directory, Names, Options};
use super::source::{Source, SourceError};
use super::table::Combine as _;
use super::usage::Usage;

/// The label of what is known to be somebody's or something's, but not whose.
pub const UNKNOWN: &str = super::scope::UNKNOWN;

/// What a report is of.
#[derive(Clone, Debug)]
pub struct Query {
    /// From its first to its last millisecond.
    pub span: Span,
    pub by: By,
}

/// Figures of one combination of values, or of all.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub messages: u64,
    conversations: HashSet<Key>,
    pub usage: Usage,
    pub errors: u64,
    pub thumbs_up: u64,
    pub thumbs_down: u64,
    days: BTreeSet<Day>,
}

impl Figures {
    pub fn conversations(&self) -> usize {
        self.conversations.len()
    }

    /// Days on which a message of it was written.
    pub fn active_days(&self) -> usize {
        self.days.len()
    }
}

/// The values of the dimensions of a row; `None` where there is none, such as the agent of a chat without one.
pub type Labels = Vec<Option<String>>;

/// A finished report.
#[derive(Debug)]
pub struct Report {
    pub span: Span,
    pub calendar: Calendar,
    pub by: By,
    /// By days in their order, else by cost, the largest first.
    pub rows: Vec<(Labels, Figures)>,
    pub total: Figures,
}

/// The reasons why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error(
        "the database has no transactions, so that neither tokens nor costs are known: set transactions.enabled: true \
         in librechat.yaml, or name the right database with MONGO_DATABASE"
    )]
    NoTransactions,
}

/// Reads the database once.
///
/// # Errors
/// Those of the source, and a database without transactions.
pub async fn report<S: Source>(source: &S, options: &Options, query: Query) -> Result<Report, ReportError> {
    let mut directory = Directory::new(options);
    for collection in [Collection::Users, Collection::Agents, Collection::Groups, Collection::Conversations] {
        source.read(collection, |record, _| directory.absorb(&record)).await?;
    }
    let names = Names { directory: &directory, options };
    let mut tally = Tally::new(names, query);
    source.read(Collection::Messages, |record, _| tally.see(&record)).await?;
    source.read(Collection::Transactions, |record, _| tally.see(&record)).await?;
    if !tally.has_transactions {
        return Err(ReportError::NoTransactions);
    }
    Ok(tally.finish())
}

/// Values of the dimensions by number.
type Values = [Option<Number>; By::MAX];

/// A user's values of the dimensions that are about people.
#[derive(Clone, Debug, Default)]
struct Person {
    user: Option<Number>,
    domain: Option<Number>,
    groups: Vec<Option<Number>>,
}

/// Figures while the database is read.
struct Tally<'a> {
    names: Names<'a>,
    query: Query,
    clock: Clock,
    /// All values of all dimensions.
    texts: Numbered<Box<str>>,
    days: BTreeMap<Day, Number>,
    people: HashMap<Option<Id>, Person>,
    rows: HashMap<Values, Figures>,
    total: Figures,
    has_transactions: bool,
}

impl<'a> Tally<'a> {
    fn new(names: Names<'a>, query: Query) -> Self {
        let clock = names.options.calendar.clock(query.span);
        Self {
            names,
            query,
            clock,
            texts: Numbered::default(),
            days: BTreeMap::new(),
            people: HashMap::new(),
            rows: HashMap::new(),
            total: Figures::default(),
            has_transactions: false,
        }
    }

    fn see(&mut self, record: &Record<'_>) {
        match record {
            Record::Message(message) => self.message(message),
            Record::Transaction(row) => self.transaction(row),
            _ => {}
        }
    }

    fn message(&mut self, message: &Message<'_>) {
        let Some(at) = message.created.filter(|at| self.query.span.contains(*at)) else { return };
        if message.is_copy {
            return;
        }
        let is_question = message.is_from_user == Some(true);
        let answerer = if is_question { None } else { message.answerer() };
        let (model, agent) = match answerer {
            Some(Answerer::Model(model)) => (Some(model), None),
            Some(Answerer::Agent(id)) => (None, Some(id)),
            Some(Answerer::Assistant(_)) | None => (Some(UNKNOWN).filter(|_| !is_question), None),
        };
        let day = self.clock.day(at);
        let is_counted = is_question != self.query.by.is_of_answers();
        let conversation = message.conversation;
        let has_failed = message.has_failed() && !is_question;
        let rating = message.feedback.as_ref().map(|feedback| feedback.rating);
        self.add((message.user.as_ref(), model, agent, at), |figures| {
            figures.messages += u64::from(is_counted);
            figures.conversations.extend(conversation);
            figures.errors += u64::from(has_failed);
            figures.thumbs_up += u64::from(rating == Some(Rating::ThumbsUp));
            figures.thumbs_down += u64::from(rating == Some(Rating::ThumbsDown));
            if is_counted {
                figures.days.insert(day);
            }
        });
    }

    fn transaction(&mut self, row: &Transaction<'_>) {
        self.has_transactions = true;
        let Some(at) = row.created.filter(|at| self.query.span.contains(*at)) else { return };
        let usage = Usage::of(row);
        if usage.is_none() {
            return;
        }
        let names = self.names;
        let agent = match row.agent.as_deref() {
            Some(id) => Some(id).filter(|id| is_agent(id)),
            None => row.conversation.and_then(|id| names.conversation_agent(id)),
        };
        let model = super::fold::cost::priced_model(row).unwrap_or(UNKNOWN);
        self.add((row.user.as_ref(), Some(model), agent, at), |figures| figures.usage.combine(usage));
    }

    /// Changes the rows that something belongs to, and the total.
    fn add(
        &mut self,
        (user, model, agent, at): (Option<&Id>, Option<&str>, Option<&str>, Moment),
        change: impl Fn(&mut Figures),
    ) {
        change(&mut self.total);
        let person = self.person(user);
        let mut rows = vec![Values::default()];
        let day = self.day(at);
        for (index, dimension) in self.query.by.dimensions().iter().enumerate() {
            let values = match dimension {
                Dimension::User => vec![person.user],
                Dimension::Domain => vec![person.domain],
                Dimension::Group => person.groups.clone(),
                Dimension::Model => vec![model.and_then(|model| self.texts.number(model))],
                Dimension::Agent => vec![agent.and_then(|id| self.texts.number(self.names.agent(id)))],
                Dimension::Day => vec![day],
            };
            let with = |row: &Values, value: Option<Number>| {
                let mut row = *row;
                row.get_mut(index).into_iter().for_each(|place| *place = value);
                row
            };
            rows = rows.iter().flat_map(|row| values.iter().map(move |value| with(row, *value))).collect();
        }
        for row in rows {
            change(self.rows.entry(row).or_default());
        }
    }

    fn person(&mut self, user: Option<&Id>) -> Person {
        if let Some(person) = self.people.get(&user.cloned()) {
            return person.clone();
        }
        let label = self.names.user_label(user).unwrap_or_else(|| UNKNOWN.to_owned());
        let groups: Vec<_> =
            self.names.groups_of(user).into_iter().map(|group| self.texts.number(group)).collect();
        let person = Person {
            user: self.texts.number(&*label),
            domain: self.texts.number(self.names.domain(user)),
            groups: if groups.is_empty() { vec![None] } else { groups },
        };
        self.people.insert(user.cloned(), person.clone());
        person
    }

    fn day(&mut self, at: Moment) -> Option<Number> {
        let day = self.clock.day(at);
        if let Some(number) = self.days.get(&day) {
            return Some(*number);
        }
        let number = self.texts.number(&*day.to_string())?;
        self.days.insert(day, number);
        Some(number)
    }

    fn finish(self) -> Report {
        let Self { names, query, texts, rows, total, .. } = self;
        let text = |number: Option<Number>| texts.value(number?).map(ToString::to_string);
        let dimensions = query.by.dimensions();
        let labels = |values: Values| values.into_iter().take(dimensions.len()).map(text).collect::<Labels>();
        let mut rows: Vec<_> = rows.into_iter().map(|(values, figures)| (labels(values), figures)).collect();
        let day = dimensions.iter().position(|dimension| *dimension == Dimension::Day);
        rows.sort_by(|(left_labels, left), (right_labels, right)| {
            let days = day.map(|at| left_labels.get(at).cmp(&right_labels.get(at)));
            let cost = right.usage.usd.total_cmp(&left.usage.usd);
            days.unwrap_or(std::cmp::Ordering::Equal).then(cost).then_with(|| left_labels.cmp(right_labels))
        });
        Report { span: query.span, calendar: names.options.calendar.clone(), by: query.by, rows, total }
    }
}

#[cfg(test)]
mod tests;
