//! Each happening counts once, whatever is read again, in whatever order.

use super::*;
use crate::librechat::record::fields::Oddities;
use crate::librechat::record::{
    Conversation, Feedback, Invocation, Message, Outcome, Rating, Session, Transaction, User,
};
use crate::librechat::source::{Identity, Position};

const START: i64 = 1_795_247_940_000;
const MINUTE: i64 = 60_000;

/// Events of a LibreChat, told one by one.
struct Story {
    events: Events,
    at: i64,
}

impl Story {
    fn new() -> Self {
        Self { events: Events::new(200), at: START }
    }

    /// The document of this number, made so long after the start.
    fn see(&mut self, number: u8, made: i64, record: &Record<'_>) {
        self.show(number, made, record, false);
    }

    fn show(&mut self, number: u8, made: i64, record: &Record<'_>, is_history: bool) {
        let Position(mut bytes) = Position::at(Moment(START + made));
        bytes[11] = number;
        let identity = Identity::Regular(Position(bytes));
        let oddities = Oddities::default();
        let seen = Seen { identity, fingerprint: 0, record: record.clone(), oddities: &oddities };
        self.events.see(&seen, Moment(self.at), is_history);
    }

    /// The refresh ends; the next one begins so much later.
    fn refreshed(&mut self, later: i64) {
        self.events.finish(Moment(self.at));
        self.at += later;
    }

    /// The lines of a family, without its name.
    fn lines(&self, family: &str) -> Vec<String> {
        let text = self.events.export().render();
        let lines = text.lines().filter_map(|line| line.strip_prefix(family));
        lines.filter(|line| line.starts_with(['{', ' '])).map(str::to_owned).collect()
    }
}

fn message(created: i64) -> Message<'static> {
    Message { created: Some(Moment(START + created)), endpoint: Some("openAI".into()), ..Message::default() }
}

#[test]
fn history_makes_series_that_start_at_0_and_what_comes_later_counts_once() {
    let mut story = Story::new();
    let old = Record::Message(message(-MINUTE));
    story.show(1, -MINUTE, &old, true);
    let created = "librechat_messages_created_total";
    assert_eq!(story.lines(created), [r#"{endpoint="openAI",side="assistant"} 0"#]);
    story.refreshed(MINUTE);
    let new = Record::Message(message(MINUTE));
    for _ in 0..3 {
        story.see(1, -MINUTE, &old);
        story.see(2, MINUTE, &new);
        story.refreshed(MINUTE);
    }
    assert_eq!(story.lines(created), [r#"{endpoint="openAI",side="assistant"} 1"#]);
    // Days later all of history is read anew.
    story.refreshed(3 * 24 * 60 * MINUTE);
    story.refreshed(0);
    story.see(2, MINUTE, &new);
    story.see(3, -90 * 24 * 60 * MINUTE, &old);
    assert_eq!(story.lines(created), [r#"{endpoint="openAI",side="assistant"} 1"#]);
}

#[test]
fn what_comes_while_the_database_is_away_for_days_still_counts() {
    let mut story = Story::new();
    story.refreshed(3 * 24 * 60 * MINUTE);
    story.see(1, MINUTE, &Record::Message(message(MINUTE)));
    assert_eq!(
        story.lines("librechat_messages_created_total"),
        [r#"{endpoint="openAI",side="assistant"} 1"#]
    );
}

#[test]
fn a_call_counts_when_it_has_ended_and_an_error_when_it_shows() {
    let call = |outcome, seconds| Invocation {
        tool: "search_mcp_wiki".into(),
        outcome,
        seconds,
        ..Invocation::default()
    };
    let mut story = Story::new();
    let first = Message {
        unfinished: true,
        invocations: vec![call(Some(Outcome::Completed), Some(0.2)), call(None, None)],
        ..message(0)
    };
    story.see(1, 0, &Record::Message(first.clone()));
    story.refreshed(MINUTE);
    let calls = "librechat_tool_invocations_total";
    assert_eq!(story.lines(calls), [r#"{tool="search",server="wiki",kind="mcp",status="ok"} 1"#]);
    let done = Message {
        unfinished: false,
        has_error_part: true,
        error_type: Some("refusal".into()),
        invocations: vec![
            call(Some(Outcome::Completed), Some(0.2)),
            call(Some(Outcome::Failed), None),
            call(None, None),
        ],
        ..first
    };
    for _ in 0..2 {
        story.see(1, 0, &Record::Message(done.clone()));
        story.refreshed(MINUTE);
    }
    assert_eq!(
        story.lines(calls),
        [
            r#"{tool="search",server="wiki",kind="mcp",status="failed"} 1"#,
            r#"{tool="search",server="wiki",kind="mcp",status="ok"} 1"#,
            r#"{tool="search",server="wiki",kind="mcp",status="unknown"} 1"#,
        ]
    );
    assert_eq!(story.lines("librechat_tool_invocation_seconds_count"), [r#"{tool="search"} 1"#]);
    assert_eq!(
        story.lines("librechat_answer_errors_total"),
        [r#"{endpoint="openAI",error_type="refusal"} 1"#]
    );
}

#[test]
fn ratings_count_by_transition_and_are_not_taken_back() {
    let mut story = Story::new();
    let rated = |rating: Option<Rating>, updated: i64| {
        let feedback = rating.map(|rating| Feedback { rating, tag: None });
        let updated = Some(Moment(START + updated));
        Record::Message(Message { feedback, updated, model: Some("m".into()), ..message(0) })
    };
    let (up, down) = (Some(Rating::ThumbsUp), Some(Rating::ThumbsDown));
    story.show(1, 0, &rated(up, 0), true);
    let year = -365 * 24 * 60 * MINUTE;
    for (number, made, rating, updated) in [
        (1, 0, up, 0),
        (1, 0, down, 1),
        // A member of the replica set that is behind.
        (1, 0, up, 0),
        (1, 0, down, 1),
        (1, 0, None, 2),
        (1, 0, down, 3),
        (2, year, None, 1),
        (2, year, up, 2),
        (2, year, up, 2),
    ] {
        story.see(number, made, &rated(rating, updated));
        story.refreshed(MINUTE);
    }
    assert_eq!(
        story.lines("librechat_feedback_given_total"),
        [r#"{rating="thumbsDown",model="m"} 2"#, r#"{rating="thumbsUp",model="m"} 1"#]
    );
}

#[test]
fn only_the_first_complete_answer_that_was_not_imported_is_timed() {
    let mut story = Story::new();
    let question = |id: &str, asked: i64| {
        Record::Message(Message { id: Some(id.into()), is_from_user: Some(true), ..message(asked) })
    };
    let answer = |parent: &str, given: i64| Message {
        parent: Some(parent.into()),
        is_from_user: Some(false),
        model: Some("m".into()),
        token_count: Some(7.0),
        ..message(given)
    };
    // The answer may be read before its question, and two answers in one refresh in any order.
    story.see(2, 0, &Record::Message(answer("q1", 30_000)));
    story.see(3, 0, &Record::Message(answer("q1", 12_000)));
    story.see(1, 0, &question("q1", 0));
    // Saved unfinished: its date is that of its first part. The one after it is not the first.
    story.see(4, 0, &question("q2", 0));
    story.see(5, 0, &Record::Message(Message { unfinished: true, ..answer("q2", 1_000) }));
    story.refreshed(MINUTE);
    story.see(5, 0, &Record::Message(answer("q2", 1_000)));
    story.see(6, 0, &Record::Message(answer("q2", 9_000)));
    // Imported.
    story.see(7, 0, &question("q3", -90 * MINUTE));
    story.see(8, 0, &Record::Message(answer("q3", -89 * MINUTE)));
    // Later than its question's date allows.
    story.see(9, 0, &question("q4", 0));
    story.see(10, 0, &Record::Message(answer("q4", -1)));
    story.refreshed(MINUTE);
    assert_eq!(story.lines("librechat_answer_seconds_sum"), [r#"{endpoint="openAI",model="m"} 12.0"#]);
    assert_eq!(story.lines("librechat_answer_seconds_count"), [r#"{endpoint="openAI",model="m"} 1"#]);
    // Of every answer that is finished.
    assert_eq!(story.lines("librechat_answer_tokens_count"), [r#"{model="m"} 6"#]);
}

#[test]
fn tokens_and_cost_are_told_apart_by_type_and_context() {
    let mut story = Story::new();
    let row = Transaction {
        model: Some("m".into()),
        context: Some("message".into()),
        raw_amount: Some(-100.0),
        token_value: Some(-2e6),
        ..Transaction::default()
    };
    let rows = [
        Transaction { token_type: Some("completion".into()), ..row.clone() },
        Transaction {
            token_type: Some("prompt".into()),
            input_tokens: Some(-60.0),
            read_tokens: Some(-40.0),
            ..row.clone()
        },
        Transaction { token_type: Some("prompt".into()), context: Some("made up".into()), ..row.clone() },
        Transaction { token_type: Some("credits".into()), raw_amount: Some(1e9), ..row },
    ];
    for _ in 0..2 {
        (0..).zip(&rows).for_each(|(number, row)| story.see(number, 0, &Record::Transaction(row.clone())));
        story.refreshed(MINUTE);
    }
    assert_eq!(
        story.lines("librechat_tokens_total"),
        [
            r#"{model="m",token_type="cache_read",context="message"} 40"#,
            r#"{model="m",token_type="cache_write",context="message"} 0"#,
            r#"{model="m",token_type="input",context="message"} 60"#,
            r#"{model="m",token_type="input",context="other"} 100"#,
            r#"{model="m",token_type="output",context="message"} 100"#,
        ]
    );
    assert_eq!(
        story.lines("librechat_cost_usd_total"),
        [
            r#"{model="m",token_type="input",context="message"} 2"#,
            r#"{model="m",token_type="input",context="other"} 2"#,
            r#"{model="m",token_type="output",context="message"} 2"#,
        ]
    );
}

#[test]
fn arrivals_count_once_and_threads_of_sub_agents_do_not() {
    let mut story = Story::new();
    let conversation = |is_subagent| {
        Record::Conversation(Conversation {
            endpoint: Some("agents".into()),
            is_subagent,
            ..Conversation::default()
        })
    };
    for _ in 0..2 {
        story.see(1, 0, &conversation(false));
        story.see(2, 0, &conversation(true));
        story.see(3, 0, &Record::Session(Session::default()));
        // Whatever its id says: users are few, and all known.
        story.see(
            4,
            -900 * 24 * 60 * MINUTE,
            &Record::User(User { provider: Some("ldap".into()), ..User::default() }),
        );
        story.refreshed(MINUTE);
    }
    assert_eq!(story.lines("librechat_conversations_started_total"), [r#"{endpoint="agents"} 1"#]);
    assert_eq!(story.lines("librechat_logins_total"), [" 1"]);
    assert_eq!(story.lines("librechat_users_registered_total"), [r#"{provider="ldap"} 1"#]);
}
