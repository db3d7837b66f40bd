//! Each happening counts once, whatever is read again, in whatever order.

use super::*;
use crate::librechat::record::fields::Oddities;
use crate::librechat::record::{
    Agent, Conversation, Feedback, Invocation, Message, Outcome, Rating, Session, Transaction, User,
};
use crate::librechat::source::{Identity, Position};

mod answers;

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

    /// The lines of a family that do not stand at 0, without its name.
    fn moved(&self, family: &str) -> Vec<String> {
        self.lines(family).into_iter().filter(|line| !line.ends_with(" 0")).collect()
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
    let at_0 = [r#"{endpoint="openAI",side="assistant"} 0"#, r#"{endpoint="openAI",side="user"} 0"#];
    assert_eq!(story.lines(created), at_0);
    story.refreshed(MINUTE);
    let new = Record::Message(message(MINUTE));
    for _ in 0..3 {
        story.see(1, -MINUTE, &old);
        story.see(2, MINUTE, &new);
        story.refreshed(MINUTE);
    }
    assert_eq!(story.moved(created), [r#"{endpoint="openAI",side="assistant"} 1"#]);
    // Days later all of history is read anew.
    story.refreshed(3 * 24 * 60 * MINUTE);
    story.refreshed(0);
    story.see(2, MINUTE, &new);
    story.see(3, -90 * 24 * 60 * MINUTE, &old);
    assert_eq!(story.moved(created), [r#"{endpoint="openAI",side="assistant"} 1"#]);
}

#[test]
fn what_comes_while_the_database_is_away_for_days_still_counts() {
    let mut story = Story::new();
    story.refreshed(3 * 24 * 60 * MINUTE);
    story.see(1, MINUTE, &Record::Message(message(MINUTE)));
    assert_eq!(
        story.moved("librechat_messages_created_total"),
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
    assert_eq!(story.moved(calls), [r#"{tool="search",server="wiki",kind="mcp",status="ok"} 1"#]);
    let done = Message {
        unfinished: false,
        has_error_part: true,
        error_type: Some("refusal"),
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
        story.moved(calls),
        [
            r#"{tool="search",server="wiki",kind="mcp",status="failed"} 1"#,
            r#"{tool="search",server="wiki",kind="mcp",status="ok"} 1"#,
            r#"{tool="search",server="wiki",kind="mcp",status="unknown"} 1"#,
        ]
    );
    assert_eq!(story.lines("librechat_tool_invocation_seconds_count"), [r#"{tool="search"} 1"#]);
    assert_eq!(
        story.moved("librechat_answer_errors_total"),
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

fn conversation(id: &'static str, endpoint: &'static str, model: &'static str) -> Conversation<'static> {
    Conversation {
        id: Some(id.into()),
        created: Some(Moment(START)),
        endpoint: Some(endpoint.into()),
        model: Some(model.into()),
        ..Conversation::default()
    }
}

/// Row D64, finding F3.
#[test]
fn d64_a_fork_is_a_new_message_and_no_use() {
    let mut story = Story::new();
    let call = Invocation { tool: "search_mcp_wiki".into(), seconds: Some(0.2), ..Invocation::default() };
    let copy = |id: &str, rating: Option<Rating>, updated: i64| {
        Record::Message(Message {
            id: Some(id.into()),
            conversation: Some("fork".into()),
            model: Some("m".into()),
            is_from_user: Some(false),
            token_count: Some(9.0),
            has_error_part: true,
            invocations: vec![call.clone()],
            feedback: rating.map(|rating| Feedback { rating, tag: None }),
            updated: Some(Moment(START + updated)),
            is_copy: true,
            ..message(-20 * 24 * 60 * MINUTE)
        })
    };
    story.see(1, 0, &Record::Conversation(conversation("fork", "openAI", "m")));
    story.refreshed(MINUTE);
    // Its messages are written after it, and may be read later.
    story.see(2, 0, &copy("a", Some(Rating::ThumbsUp), 0));
    story.see(3, 0, &copy("b", None, 0));
    story.see(4, 0, &Record::Conversation(conversation("talk", "openAI", "m")));
    story.see(5, 0, &Record::Message(Message { conversation: Some("talk".into()), ..message(0) }));
    story.refreshed(MINUTE);
    assert_eq!(story.lines("librechat_copied_messages_total"), [" 2"]);
    assert_eq!(
        story.moved("librechat_messages_created_total"),
        [r#"{endpoint="openAI",side="assistant"} 3"#]
    );
    assert_eq!(story.lines("librechat_conversations_started_total"), [r#"{endpoint="openAI"} 1"#]);
    for family in [
        "librechat_answer_errors_total",
        "librechat_failed_answers_total",
        "librechat_tool_invocations_total",
        "librechat_tool_invocation_seconds_count",
        "librechat_feedback_given_total",
        "librechat_answer_tokens_count",
        "librechat_answer_seconds_count",
        "librechat_unbilled_answers_total",
    ] {
        assert!(story.moved(family).is_empty(), "{family} {:?}", story.moved(family));
    }
    // Whoever rates an answer of a fork rates it.
    story.see(2, 0, &copy("a", Some(Rating::ThumbsDown), 1));
    story.see(3, 0, &copy("b", Some(Rating::ThumbsUp), 1));
    assert_eq!(
        story.moved("librechat_feedback_given_total"),
        [r#"{rating="thumbsDown",model="m"} 1"#, r#"{rating="thumbsUp",model="m"} 1"#]
    );
}

#[test]
fn an_imported_conversation_is_not_started_and_one_without_messages_is_a_refresh_later() {
    let mut story = Story::new();
    let imported = Conversation { is_copy: true, ..conversation("old", "openAI", "m") };
    story.see(1, 0, &Record::Conversation(imported));
    story.see(2, 0, &Record::Conversation(conversation("silent", "google", "m")));
    story.refreshed(MINUTE);
    let started = "librechat_conversations_started_total";
    assert!(story.moved(started).is_empty());
    story.refreshed(MINUTE);
    assert_eq!(story.moved(started), [r#"{endpoint="google"} 1"#]);
}

/// Rows D66 and D68, findings F1, F2 and F4.
/// Row D55.
#[test]
fn d55_answers_without_a_row_of_their_own_are_counted() {
    let mut story = Story::new();
    let answer = |number: u8, id: &'static str, conversation: &'static str, tokens: f64| {
        let message = Message {
            id: Some(id.into()),
            conversation: Some(conversation.into()),
            is_from_user: Some(false),
            token_count: Some(tokens),
            ..message(0)
        };
        (number, Record::Message(message))
    };
    let row =
        |number: u8, context: &'static str, message: Option<&'static str>, conversation: &'static str| {
            let row = Transaction {
                token_type: Some("completion".into()),
                context: Some(context.into()),
                message: message.map(Into::into),
                conversation: Some(conversation.into()),
                created: Some(Moment(START)),
                raw_amount: Some(-10.0),
                ..Transaction::default()
            };
            (number, Record::Transaction(row))
        };
    let records = [
        answer(1, "billed", "a", 300.0),
        answer(2, "only its title", "a", 300.0),
        answer(3, "an old LibreChat's", "b", 300.0),
        answer(4, "nothing", "c", 300.0),
        answer(5, "of no tokens", "c", 0.0),
        row(6, "message", Some("billed"), "a"),
        row(7, "title", Some("only its title"), "a"),
        row(8, "message", None, "b"),
    ];
    for (number, record) in &records {
        story.see(*number, 0, record);
    }
    let unbilled = "librechat_unbilled_answers_total";
    story.refreshed(MINUTE);
    assert_eq!(story.lines(unbilled), [" 0"], "their rows may still come");
    story.refreshed(MINUTE);
    assert_eq!(story.lines(unbilled), [" 2"]);
}

/// Rows D51 and D53, and the agents' API of F8.
#[test]
fn d53_credits_are_no_cost_and_answers_by_key_are_told_from_the_ledger() {
    let mut story = Story::new();
    let row = |token_type: &'static str, context: &'static str, value: f64| Transaction {
        token_type: Some(token_type.into()),
        context: Some(context.into()),
        raw_amount: Some(value),
        token_value: Some(value),
        model: Some("m".into()),
        ..Transaction::default()
    };
    let api =
        Transaction { message: Some("chatcmpl-1".into()), is_of_api: true, ..row("prompt", "message", -5e5) };
    let rows = [
        row("credits", "autoRefill", 1e7),
        row("credits", "balanceReset", -4e6),
        row("completion", "message", 3e6),
        Transaction { token_type: Some("completion".into()), ..api.clone() },
        api,
    ];
    (0..).zip(rows).for_each(|(number, row)| story.see(number, 0, &Record::Transaction(row)));
    assert_eq!(
        story.moved("librechat_credits_granted_usd_total"),
        [r#"{context="autoRefill"} 10"#, r#"{context="message"} 3"#]
    );
    assert_eq!(story.moved("librechat_agent_api_requests_total"), [r#"{model="m"} 1"#]);
    assert_eq!(story.moved("librechat_agent_api_cost_usd_total"), [r#"{model="m"} 1"#]);
    assert_eq!(
        story.moved("librechat_cost_usd_total"),
        [
            r#"{model="m",token_type="input",context="message"} 0.5"#,
            r#"{model="m",token_type="output",context="message"} 0.5"#,
        ]
    );
}
