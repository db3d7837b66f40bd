//! Answers: their labels, their time and their length.

use super::*;

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
    assert_eq!(
        story.lines("librechat_answer_seconds_sum"),
        [r#"{endpoint="openAI",model="m",agent=""} 12.0"#]
    );
    assert_eq!(
        story.lines("librechat_answer_seconds_count"),
        [r#"{endpoint="openAI",model="m",agent=""} 1"#]
    );
    // Of every answer that is finished.
    assert_eq!(story.lines("librechat_answer_tokens_count"), [r#"{model="m",agent=""} 6"#]);
}

#[test]
fn an_agents_answer_is_the_model_that_its_rows_name_also_when_they_come_later() {
    let mut story = Story::new();
    let agent = Agent {
        id: Some("agent_a".into()),
        name: Some("Helper".into()),
        model: Some("old".into()),
        ..Agent::default()
    };
    story.see(1, 0, &Record::Agent(agent));
    let answer = |id: &str| Message {
        id: Some(id.into()),
        model: Some("agent_a".into()),
        is_from_user: Some(false),
        token_count: Some(7.0),
        ..message(1_000)
    };
    story.see(2, 0, &Record::Message(answer("a1")));
    story.see(3, 0, &Record::Message(answer("a2")));
    let row = Transaction {
        message: Some("a1".into()),
        model: Some("new".into()),
        context: Some("message".into()),
        ..Transaction::default()
    };
    story.see(4, 0, &Record::Transaction(row));
    story.refreshed(MINUTE);
    assert_eq!(
        story.moved("librechat_answer_tokens_count"),
        [r#"{model="new",agent="Helper"} 1"#, r#"{model="old",agent="Helper"} 1"#]
    );
}

#[test]
fn d66_d68_failures_have_a_kind_a_model_and_an_agent_and_neither_time_nor_length() {
    let mut story = Story::new();
    let agent = Agent {
        id: Some("agent_a".into()),
        name: Some("Helper".into()),
        model: Some("large".into()),
        ..Agent::default()
    };
    story.see(1, 0, &Record::Agent(agent));
    story.see(2, 0, &Record::Conversation(conversation("c", "Acme", "small")));
    let question = Message { id: Some("q".into()), is_from_user: Some(true), ..message(0) };
    let answer = Message {
        parent: Some("q".into()),
        conversation: Some("c".into()),
        is_from_user: Some(false),
        token_count: Some(4.0),
        ..message(1_000)
    };
    let part = Message {
        model: Some("small".into()),
        has_error_part: true,
        error_type: Some("http_401"),
        ..answer.clone()
    };
    // A refusal has neither endpoint nor model.
    let refusal =
        Message { endpoint: None, error: true, error_type: Some("message_limit"), ..answer.clone() };
    let of_agent = Message { model: Some("agent_a".into()), has_error_part: true, ..answer.clone() };
    let second = Message { model: Some("small".into()), ..answer };
    for (number, message) in (3..).zip([question, part, refusal, of_agent, second]) {
        story.see(number, 0, &Record::Message(message));
    }
    story.refreshed(MINUTE);
    assert_eq!(
        story.moved("librechat_failed_answers_total"),
        [
            r#"{endpoint="Acme",model="small",agent="",error_type="message_limit"} 1"#,
            r#"{endpoint="openAI",model="large",agent="Helper",error_type="unknown"} 1"#,
            r#"{endpoint="openAI",model="small",agent="",error_type="http_401"} 1"#,
        ]
    );
    // What may come begins at 0: F8.
    let lines = story.lines("librechat_failed_answers_total");
    for line in [
        r#"{endpoint="agents",model="large",agent="Helper",error_type="http_429"} 0"#,
        r#"{endpoint="Acme",model="small",agent="",error_type="connection"} 0"#,
    ] {
        assert!(lines.iter().any(|known| known == line), "{line} is not in {lines:#?}");
    }
    // The failed answer was the first one, and the second is none that was waited for.
    assert!(story.moved("librechat_answer_seconds_count").is_empty());
    assert_eq!(story.moved("librechat_answer_tokens_count"), [r#"{model="small",agent=""} 1"#]);
}
