//! How long answers take, and how long they are.
//!
//! The time of an answer is from its question to when it is saved, which is when it is complete. It is taken of the
//! first answer to a question only, since another one may be asked for hours later; of one that was saved complete, since
//! else its date is that of its first part; and not of imported ones, whose dates are old. A failed or refused answer has
//! neither a time nor a length, and is the first answer all the same.
//!
//! An agent's answer is the real model's where a transaction of the same message tells it, else that of the agent's
//! settings. The rows may be read after the message, so that labels are found when the refresh is done.

use std::collections::HashMap;

use super::Sight;
use super::labelled::Observations;
use super::messages::News;
use super::places::{Labels, Places};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::recent::MINUTE;
use crate::librechat::record::id::Key;
use crate::librechat::record::{Message, Moment};

static SECONDS: Family<3> = Family::histogram(
    "librechat_answer_seconds",
    ["endpoint", "model", "agent"],
    "Time from a question to its first answer since the exporter started, tools included; up to an hour, and not of failed \
     or refused answers",
);
static TOKENS: Family<2> = Family::histogram(
    "librechat_answer_tokens",
    ["model", "agent"],
    "Tokens of an answer, of those finished since the exporter started that have not failed",
);

pub const FAMILIES: &[Description] = &[SECONDS.describe(), TOKENS.describe()];

const SECONDS_BOUNDS: &[f64] =
    &[0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0];
const TOKENS_BOUNDS: &[f64] =
    &[10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 25_000.0, 50_000.0];

/// The longest time that is taken for an answer's.
const LONGEST_ANSWER: i64 = 60 * MINUTE;
/// A message whose date is this much older than when it is first read was imported, or copied from another chat.
const IMPORTED: i64 = 10 * MINUTE;

#[derive(Debug)]
pub struct Answers {
    questions: HashMap<Key, Question>,
    /// New answers whose questions are looked up when the refresh is done: they may be read after them.
    waiting: Vec<Answer>,
    /// Answers that were finished since the last refresh, and how long they are.
    finished: Vec<(Answerer, f64)>,
    seconds: Observations<3>,
    tokens: Observations<2>,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    asked: Moment,
    /// An answer given before this is the first: one that had no time to take may have been read before it.
    answered: Moment,
}

#[derive(Debug)]
struct Answer {
    question: Key,
    given: Moment,
    by: Answerer,
    /// Whether its date is when it was complete.
    is_timed: bool,
    is_history: bool,
}

/// The labels of an answer as they are known when it is read.
#[derive(Debug)]
struct Answerer {
    message: Option<Key>,
    endpoint: Box<str>,
    model: Box<str>,
    agent: Box<str>,
}

impl Answerer {
    fn new(message: &Message<'_>, labels: Labels<'_>) -> Self {
        let Labels { endpoint, model, agent } = labels;
        Self { message: message.id, endpoint: endpoint.into(), model: model.into(), agent: agent.into() }
    }

    /// An agent's real model where the usage ledger tells of it, else the one that was known.
    fn model<'a>(&'a self, places: &'a Places) -> &'a str {
        let billed = self.message.and_then(|id| places.billed_model(id));
        billed.filter(|_| !self.agent.is_empty()).unwrap_or(&self.model)
    }
}

impl Answers {
    pub fn new(max: usize) -> Self {
        Self {
            questions: HashMap::new(),
            waiting: Vec::new(),
            finished: Vec::new(),
            seconds: Observations::new(&SECONDS, SECONDS_BOUNDS, max),
            tokens: Observations::new(&TOKENS, TOKENS_BOUNDS, max),
        }
    }

    /// Makes the series of an answer's labels begin at 0.
    pub fn begin(&mut self, labels: Labels<'_>) {
        let Labels { endpoint, model, agent } = labels;
        self.seconds.observe([endpoint, model, agent], 0.0, true);
        self.tokens.observe([model, agent], 0.0, true);
    }

    pub fn see(&mut self, message: &Message<'_>, labels: Labels<'_>, news: News, sight: Sight) {
        let is_answer = message.is_from_user != Some(true);
        if is_answer
            && news.is_finished
            && !sight.is_history
            && !message.has_failed()
            && let Some(tokens) = message.token_count
        {
            self.finished.push((Answerer::new(message, labels), tokens));
        }
        let Some(created) = message.created.filter(|_| news.is_new) else { return };
        if !is_answer {
            if let Some(id) = message.id.filter(|_| created >= horizon(sight.since)) {
                self.questions.insert(id, Question { asked: created, answered: Moment(i64::MAX) });
            }
            return;
        }
        if let Some(question) = message.parent.filter(|_| created >= sight.since.before(IMPORTED)) {
            let is_timed = !message.unfinished && !message.has_failed();
            let by = Answerer::new(message, labels);
            self.waiting.push(Answer {
                question,
                given: created,
                by,
                is_timed,
                is_history: sight.is_history,
            });
        }
    }

    /// Times and measures the answers that came with the refresh that began `at`.
    pub fn finish(&mut self, at: Moment, places: &Places) {
        for (by, tokens) in std::mem::take(&mut self.finished) {
            self.tokens.observe([by.model(places), &by.agent], tokens, false);
        }
        // Of two answers to one question, the first in time is the first.
        self.waiting.sort_by_key(|answer| answer.given);
        for answer in std::mem::take(&mut self.waiting) {
            let Some(question) = self.questions.get_mut(&answer.question) else {
                if answer.given >= at.before(IMPORTED) {
                    self.waiting.push(answer);
                }
                continue;
            };
            if answer.given >= question.answered {
                continue;
            }
            question.answered = answer.given;
            let took = answer.given.0.saturating_sub(question.asked.0);
            if answer.is_timed && (0..=LONGEST_ANSWER).contains(&took) {
                // An observation cannot be taken back, should an earlier answer still be read.
                question.answered = Moment(i64::MIN);
                let seconds = answer.given.seconds_since(question.asked);
                let labels = [&*answer.by.endpoint, answer.by.model(places), &answer.by.agent];
                self.seconds.observe(labels, seconds, answer.is_history);
            }
        }
        self.questions.retain(|_, question| question.asked >= horizon(at));
    }

    pub fn export(&self, samples: &mut Samples) {
        self.seconds.export(samples);
        self.tokens.export(samples);
    }
}

/// Questions from before this can have no answer any more whose time is taken.
fn horizon(at: Moment) -> Moment {
    at.before(LONGEST_ANSWER + IMPORTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_answer_that_is_read_before_an_earlier_one_does_not_take_its_time() {
        let mut answers = Answers::new(10);
        let start = Moment(1_795_247_940_000);
        let sight = Sight { at: start, since: start, is_history: false };
        let labels = Labels { endpoint: "openAI", model: "m", agent: "" };
        let at = |seconds: i64| Some(Moment(start.0 + seconds * 1_000));
        let question = || Some(Key::from("q"));
        let asked =
            Message { id: question(), created: at(0), is_from_user: Some(true), ..Message::default() };
        let first = Message { parent: question(), created: at(5), ..Message::default() };
        let failed = Message { created: at(9), error: true, ..first.clone() };
        let third = Message { created: at(4), ..first.clone() };
        let news = News { is_new: true, is_finished: true };
        for batch in [&[asked, failed][..], &[first], &[third]] {
            for message in batch {
                answers.see(message, labels, news, sight);
            }
            answers.finish(start, &Places::default());
        }
        let mut samples = Samples::default();
        answers.export(&mut samples);
        let text = samples.render();
        assert!(
            text.contains(r#"librechat_answer_seconds_sum{endpoint="openAI",model="m",agent=""} 5"#),
            "{text}"
        );
        assert!(
            text.contains(r#"librechat_answer_seconds_count{endpoint="openAI",model="m",agent=""} 1"#),
            "{text}"
        );
    }
}
