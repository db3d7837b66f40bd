//! Views of documents of every shape.

use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};

use super::*;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Answerer, Moment};

fn raw(document: Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).unwrap()
}

#[test]
fn reads_a_message_as_librechat_writes_it() {
    let document = raw(doc! {
        "_id": ObjectId::new(), "conversationId": "c", "user": "69629fc78b4c51a245000005", "model": "agent_x",
        "createdAt": DateTime::from_millis(5), "tokenCount": 7_i64, "error": true, "unfinished": false,
        "attachments": true, "plugin": true, "feedback": { "rating": "thumbsDown", "tag": { "key": "bad_style" } },
    });
    let (Record::Message(message), oddities) = record(Collection::Messages, &document) else { panic!() };
    assert!(oddities.fields().is_empty());
    assert_eq!(message.answerer(), Some(Answerer::Agent("agent_x")));
    assert_eq!((message.token_count, message.created), (Some(7.0), Some(Moment(5))));
    assert_eq!((message.error, message.unfinished), (true, false));
    assert!(message.has_attachments && message.has_plugin);
    let feedback = message.feedback.unwrap();
    assert_eq!((feedback.rating, feedback.tag.as_deref()), (Rating::ThumbsDown, Some("bad_style")));
}

#[test]
fn null_is_absent_and_other_types_are_odd_and_neither_costs_another_field() {
    let odd = [
        Bson::Int32(1),
        Bson::Array(vec![]),
        Bson::Binary(mongodb::bson::Binary {
            subtype: mongodb::bson::spec::BinarySubtype::Generic,
            bytes: vec![1],
        }),
        Bson::MaxKey,
        Bson::Timestamp(mongodb::bson::Timestamp { time: 1, increment: 1 }),
    ];
    for value in odd {
        let document = raw(doc! { "model": value.clone(), "tokenCount": "7", "error": true });
        let (Record::Message(message), oddities) = record(Collection::Messages, &document) else { panic!() };
        assert_eq!(oddities.fields(), ["model", "tokenCount"], "{value:?}");
        assert!(message.error && message.model.is_none());
    }
    let document = raw(doc! { "model": null, "tokenCount": null, "feedback": null, "error": null });
    let (Record::Message(message), oddities) = record(Collection::Messages, &document) else { panic!() };
    assert!(oddities.fields().is_empty() && !message.error);
}

#[test]
fn numbers_of_every_kind_count_unless_they_are_not_finite() {
    let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
    let cases = [
        (Bson::Int32(-3), Some(-3.0)),
        (Bson::Int64(i64::MIN), Some(-9_223_372_036_854_775_808.0)),
        (Bson::Double(2.5), Some(2.5)),
        (decimal("12.25"), Some(12.25)),
        (decimal("1E+3"), Some(1000.0)),
        (Bson::Double(f64::NAN), None),
        (Bson::Double(f64::INFINITY), None),
        (decimal("NaN"), None),
    ];
    for (value, expected) in cases {
        let document = raw(doc! { "rawAmount": value.clone() });
        let (Record::Transaction(row), oddities) = record(Collection::Transactions, &document) else {
            panic!()
        };
        assert_eq!(row.raw_amount, expected, "{value:?}");
        assert_eq!(oddities.fields().is_empty(), expected.is_some(), "{value:?}");
    }
}

#[test]
fn members_that_are_no_ids_cost_only_themselves() {
    let document = raw(doc! {
        "_id": ObjectId::from_bytes([7; 12]), "name": "", "memberIds": ["69629fc78b4c51a245000005", null, "entra-a", 5],
    });
    let (Record::Group(group), oddities) = record(Collection::Groups, &document) else { panic!() };
    assert_eq!((group.id, group.name), (Some(Id::from([7; 12])), None));
    assert_eq!(group.members, [Id::from("69629fc78b4c51a245000005"), Id::from("entra-a")]);
    assert_eq!(oddities.fields(), ["memberIds"]);
    let document = raw(doc! { "idOnTheSource": "" });
    let (Record::User(user), _) = record(Collection::Users, &document) else { panic!() };
    assert_eq!(user.source_id, None);
}

#[test]
fn a_balance_without_credits_is_empty_and_an_odd_one_is_unknown() {
    for (value, expected) in [
        (None, Some(0.0)),
        (Some(Bson::Null), Some(0.0)),
        (Some("5".into()), None),
        (Some(5.into()), Some(5.0)),
    ] {
        let mut document = doc! { "_id": ObjectId::from_bytes([7; 12]), "user": "u" };
        document.extend(value.map(|value| ("tokenCredits".to_owned(), value)));
        let document = raw(document);
        let (Record::Balance(balance), _) = record(Collection::Balances, &document) else { panic!() };
        assert_eq!((balance.user, balance.credits), (Some(Id::from("u")), expected));
    }
}

#[test]
fn a_queued_turn_without_a_date_is_as_old_as_its_id() {
    let mut bytes = [0; 12];
    bytes[3] = 9;
    let id = ObjectId::from_bytes(bytes);
    for (date, expected) in [(Bson::Null, 9_000), (DateTime::from_millis(5).into(), 5), ("x".into(), 9_000)] {
        let document = raw(doc! { "_id": id, "createdAt": date, "status": "queued" });
        let (Record::QueuedTurn(turn), _) = record(Collection::AgentQueuedTurns, &document) else { panic!() };
        assert_eq!((turn.status.as_deref(), turn.created), (Some("queued"), Some(Moment(expected))));
    }
}
