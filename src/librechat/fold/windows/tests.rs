//! Windows, their parts and their edges.

use jiff::Timestamp;

use super::*;
use crate::librechat::fold::Folds;
use crate::librechat::recent::{DAY, LONGEST};
use crate::librechat::record::id::Id;
use crate::librechat::record::{Agent, Conversation, Group, Message, Moment, Transaction, User};
use crate::librechat::scope::{Options, ShownUser, UserLabel};

fn at(text: &str) -> Moment {
    Moment(text.parse::<Timestamp>().unwrap().as_millisecond())
}

fn row(user: &str, model: &'static str, usd: f64, created: Moment) -> Transaction<'static> {
    Transaction {
        user: Some(Id::from(user)),
        model: Some(model.into()),
        token_type: Some("completion".into()),
        raw_amount: Some(-1e6 * usd),
        token_value: Some(-1e6 * usd),
        created: Some(created),
        conversation: Some("c".into()),
        ..Transaction::default()
    }
}

fn options(zone: &str) -> Options {
    let per_user = Some(UserLabel::Shown(ShownUser::Id));
    Options { per_user, calendar: zone.parse().unwrap(), ..Options::default() }
}

/// The lines of the families whose names begin so, as of an instant, of records that were folded `early` before it and
/// let go of in between.
fn lines(
    options: &Options,
    records: &[Record<'_>],
    instant: Moment,
    early: i64,
    family: &str,
) -> Vec<String> {
    let horizon = instant.before(early + LONGEST);
    let mut halves = [Folds::new(options, horizon), Folds::new(options, horizon)];
    for (index, record) in records.iter().enumerate() {
        halves[index % 2].absorb(record);
    }
    let [mut folds, other] = halves;
    folds.forget(instant.before(early / 2 + LONGEST));
    folds.merge(&other);
    folds.forget(instant.before(LONGEST));
    folds.compact();
    let text = folds.export(instant).render();
    text.lines().filter(|line| line.starts_with(family)).map(str::to_owned).collect()
}

#[test]
fn windows_slide_and_months_begin_in_the_time_zone() {
    // In Berlin it is the first of November already.
    let now = at("2026-10-31T23:30:00Z");
    let rows = [
        (1.0, "2026-10-31T23:00:00Z"),
        (2.0, "2026-10-31T22:59:59Z"),
        (4.0, "2026-10-25T00:00:00Z"),
        (8.0, "2026-10-01T23:30:00Z"),
        (16.0, "2026-09-30T22:00:00Z"),
        (32.0, "2026-09-30T21:59:59Z"),
        (64.0, "2026-08-31T22:00:00Z"),
        (128.0, "2026-08-30T00:00:00Z"),
        // It has not happened yet.
        (256.0, "2026-11-01T10:00:00Z"),
    ];
    let records: Vec<_> =
        rows.iter().map(|(usd, created)| Record::Transaction(row("u", "m", *usd, at(created)))).collect();
    for early in [0, DAY, 20 * DAY] {
        let shown = |zone: &str| lines(&options(zone), &records, now, early, "librechat_model_cost_usd{");
        let line = |window: &str, usd: f64| {
            format!(r#"librechat_model_cost_usd{{model="m",window="{window}"}} {usd}"#)
        };
        assert_eq!(
            shown("Europe/Berlin"),
            [
                line("24h", 3.0),
                line("30d", 15.0),
                line("7d", 7.0),
                line("last_month", 30.0),
                line("month", 1.0)
            ],
        );
        assert_eq!(
            shown("UTC"),
            [
                line("24h", 3.0),
                line("30d", 15.0),
                line("7d", 7.0),
                line("last_month", 48.0),
                line("month", 15.0)
            ],
        );
    }
}

#[test]
fn the_parts_of_a_window_come_to_its_total_also_with_other() {
    let now = at("2026-03-29T12:00:00Z");
    let mut records = Vec::new();
    for index in 0..40_u8 {
        let user = format!("{:024x}", index % 7);
        let created = now.before(i64::from(index) * DAY * 3 / 2);
        let model = ["a", "b", "c", "d", "e"][usize::from(index % 5)];
        records.push(Record::Transaction(Transaction {
            agent: (index % 3 == 0).then(|| "agent_1".into()),
            ..row(&user, model, 0.1 + f64::from(index), created)
        }));
        let is_from_user = Some(index % 2 == 0);
        records.push(Record::Message(Message {
            user: Some(Id::from(user.as_str())),
            created: Some(created),
            is_from_user,
            model: (index % 2 == 1).then(|| model.into()),
            ..Message::default()
        }));
    }
    records.push(Record::Transaction(Transaction { user: None, ..row("", "a", 5.0, now) }));
    let options = Options { max_label_values: 2, ..options("America/New_York") };
    let sum = |family: &str, window: &str| -> f64 {
        let lines = lines(&options, &records, now, 5 * DAY, &format!("{family}{{"));
        let in_window = lines.iter().filter(|line| line.contains(&format!("window=\"{window}\"")));
        in_window.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    for window in UsageWindow::ALL.map(UsageWindow::label) {
        let total = sum("librechat_user_cost_usd", window);
        for family in ["librechat_model_cost_usd", "librechat_email_domain_cost_usd"] {
            assert!((sum(family, window) - total).abs() < 1e-9, "{family} {window}: {total}");
        }
        for (left, right) in [
            ("librechat_model_tokens", "librechat_user_tokens"),
            ("librechat_email_domain_messages", "librechat_user_messages"),
        ] {
            assert!((sum(left, window) - sum(right, window)).abs() < 1e-9, "{left} {window}");
        }
    }
    for (window, family) in [
        ("24h", "librechat_transaction_cost_24h"),
        ("7d", "librechat_transaction_cost_7d"),
        ("30d", "librechat_transaction_cost_30d"),
    ] {
        let total = lines(&options, &records, now, 0, family);
        let total: f64 = total[0].rsplit(' ').next().unwrap().parse().unwrap();
        assert!((sum("librechat_model_cost_usd", window) - total).abs() < 1e-9, "{window}");
    }
}

/// An installation of a user, two agents of one name, and what they wrote and spent.
fn installation(now: Moment) -> Vec<Record<'static>> {
    let message = |model: Option<&'static str>, is_from_user: bool, is_copy: bool| {
        Record::Message(Message {
            user: Some(Id::from("u")),
            created: Some(now),
            model: model.map(Into::into),
            is_from_user: Some(is_from_user),
            is_copy,
            ..Message::default()
        })
    };
    let agent = |id: &'static str, name: &'static str| {
        Record::Agent(Agent { id: Some(id.into()), name: Some(name.into()), ..Agent::default() })
    };
    let named = |agent: &'static str, usd: f64, days: i64| {
        let agent = Some(agent.into());
        Record::Transaction(Transaction { agent, ..row("u", "m", usd, now.before(days * DAY)) })
    };
    vec![
        agent("agent_1", "Helper"),
        agent("agent_2", "Helper"),
        Record::Conversation(Conversation {
            id: Some("c".into()),
            agent: Some("agent_2".into()),
            ..Conversation::default()
        }),
        Record::User(User {
            id: Some(Id::from("u")),
            email: Some("u@Example.org".into()),
            ..User::default()
        }),
        Record::Group(Group {
            id: Some(Id::from([1; 12])),
            name: Some("Sales".into()),
            members: vec![Id::from("u")],
        }),
        named("agent_1", 1.0, 0),
        named("openAI__m___GPT", 2.0, 0),
        // Rows that name nobody are the agent's of their conversation, also those of last month.
        Record::Transaction(row("u", "m", 4.0, now)),
        Record::Transaction(row("u", "m", 8.0, now.before(45 * DAY))),
        message(Some("agent_1"), false, false),
        message(Some("m"), false, false),
        message(Some("asst_1"), false, false),
        message(None, true, false),
        message(None, true, true),
        message(Some("m"), false, true),
    ]
}

#[test]
fn a_row_is_its_agents_and_a_message_is_its_authors() {
    let now = at("2026-05-20T12:00:00Z");
    let records = installation(now);
    let shown = |family: &str, window: &str| {
        let mut lines = lines(&options("UTC"), &records, now, 0, family);
        lines.retain(|line| line.contains(&format!("window=\"{window}\"")));
        lines
    };
    assert_eq!(
        shown("librechat_agent_cost_usd{", "24h"),
        [r#"librechat_agent_cost_usd{agent="Helper",window="24h"} 5"#]
    );
    assert_eq!(
        shown("librechat_agent_cost_usd{", "last_month"),
        [r#"librechat_agent_cost_usd{agent="Helper",window="last_month"} 8"#]
    );
    assert_eq!(
        shown("librechat_agent_messages{", "7d"),
        [r#"librechat_agent_messages{agent="Helper",window="7d"} 1"#]
    );
    assert_eq!(
        shown("librechat_model_messages{", "month"),
        [
            r#"librechat_model_messages{model="m",window="month"} 1"#,
            r#"librechat_model_messages{model="unknown",window="month"} 1"#,
        ]
    );
    assert_eq!(
        shown("librechat_email_domain_messages{", "30d"),
        [r#"librechat_email_domain_messages{email_domain="example.org",window="30d"} 1"#]
    );
    assert_eq!(
        shown("librechat_group_cost_usd{", "month"),
        [r#"librechat_group_cost_usd{group="Sales",window="month"} 7"#]
    );
    assert_eq!(
        shown("librechat_user_tokens{", "month"),
        [r#"librechat_user_tokens{user="u",token_type="output",window="month"} 7000000"#]
    );
}
