//! From a BSON document to a [`Record`], in one pass over its elements and without copying texts.

use std::borrow::Cow;

use mongodb::bson::{RawBsonRef, RawDocument};

use super::id::Id;
use super::{Agent, Collection, Conversation, Feedback, Message, Moment, Rating, Record, Transaction, User};

/// Names of fields whose values were of an odd type: the metric label `reason`. A closed set, since they are ours.
#[derive(Debug, Default)]
pub struct Oddities(Vec<&'static str>);

impl Oddities {
    fn note(&mut self, field: &'static str) {
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }

    pub fn fields(&self) -> &[&'static str] {
        &self.0
    }
}

/// Sees `document` as a record of `collection`. Never fails: what cannot be read is absent, and noted.
pub fn record<'a>(collection: Collection, document: &'a RawDocument) -> (Record<'a>, Oddities) {
    let mut fields = Fields { oddities: Oddities::default() };
    let record = match collection {
        Collection::Messages => Record::Message(fields.message(document)),
        Collection::Transactions => Record::Transaction(fields.transaction(document)),
        Collection::Users => Record::User(fields.user(document)),
        Collection::Agents => Record::Agent(fields.agent(document)),
        Collection::Conversations => Record::Conversation(fields.conversation(document)),
        other => Record::Document(other),
    };
    (record, fields.oddities)
}

struct Fields {
    oddities: Oddities,
}

impl Fields {
    fn message<'a>(&mut self, document: &'a RawDocument) -> Message<'a> {
        let mut message = Message::default();
        self.each(document, |fields, name, value| match name {
            "conversationId" => message.conversation = fields.text("conversationId", value),
            "user" => message.user = fields.id("user", value),
            "model" => message.model = fields.text("model", value),
            "createdAt" => message.created = fields.moment("createdAt", value),
            "tokenCount" => message.token_count = fields.number("tokenCount", value),
            "error" => message.error = fields.flag("error", value),
            "unfinished" => message.unfinished = fields.flag("unfinished", value),
            "attachments" => message.has_attachments = fields.flag("attachments", value),
            "plugin" => message.has_plugin = fields.flag("plugin", value),
            "feedback" => message.feedback = fields.feedback(value),
            _ => {}
        });
        message
    }

    fn transaction<'a>(&mut self, document: &'a RawDocument) -> Transaction<'a> {
        // LibreChat's own reckoning takes an amount that is not there for 0.
        let mut transaction = Transaction { raw_amount: Some(0.0), ..Transaction::default() };
        self.each(document, |fields, name, value| match name {
            "user" => transaction.user = fields.id("user", value),
            "conversationId" => transaction.conversation = fields.text("conversationId", value),
            "model" => transaction.model = fields.text("model", value),
            "tokenType" => transaction.token_type = fields.text("tokenType", value),
            "rawAmount" if !is_null(value) => transaction.raw_amount = fields.number("rawAmount", value),
            "rate" => transaction.rate = fields.number("rate", value),
            "tokenValue" => transaction.token_value = fields.number("tokenValue", value),
            _ => {}
        });
        transaction
    }

    fn user<'a>(&mut self, document: &'a RawDocument) -> User<'a> {
        let mut user = User::default();
        self.each(document, |fields, name, value| match name {
            "_id" => user.id = fields.id("_id", value),
            "email" => user.email = fields.text("email", value),
            "provider" => user.provider = fields.text("provider", value),
            "role" => user.role = fields.text("role", value),
            "emailVerified" => user.email_verified = fields.flag("emailVerified", value),
            _ => {}
        });
        user
    }

    fn agent<'a>(&mut self, document: &'a RawDocument) -> Agent<'a> {
        let mut agent = Agent::default();
        self.each(document, |fields, name, value| match name {
            "id" => agent.id = fields.text("id", value),
            "name" => agent.name = fields.text("name", value),
            _ => {}
        });
        agent
    }

    fn conversation<'a>(&mut self, document: &'a RawDocument) -> Conversation<'a> {
        let mut conversation = Conversation::default();
        self.each(document, |fields, name, value| match name {
            "conversationId" => conversation.id = fields.text("conversationId", value),
            "agent_id" => conversation.agent = fields.text("agent_id", value),
            _ => {}
        });
        conversation
    }

    fn feedback<'a>(&mut self, value: RawBsonRef<'a>) -> Option<Feedback<'a>> {
        let document = match value {
            RawBsonRef::Document(document) => document,
            other => return self.absent("feedback", other),
        };
        let (mut rating, mut tag) = (None, None);
        self.each(document, |fields, name, value| match name {
            "rating" => {
                rating = match fields.text("feedback", value).as_deref() {
                    Some("thumbsUp") => Some(Rating::ThumbsUp),
                    Some("thumbsDown") => Some(Rating::ThumbsDown),
                    Some(_) => fields.odd("feedback"),
                    None => None,
                }
            }
            "tag" => {
                tag = match value {
                    RawBsonRef::Document(tag) => {
                        tag.get("key").ok().flatten().and_then(|key| fields.text("feedback", key))
                    }
                    value => fields.text("feedback", value),
                }
            }
            _ => {}
        });
        rating.map(|rating| Feedback { rating, tag })
    }

    /// Calls `visit` for every element; broken BSON ends the walk and is noted.
    fn each<'a>(
        &mut self,
        document: &'a RawDocument,
        mut visit: impl FnMut(&mut Self, &'a str, RawBsonRef<'a>),
    ) {
        for element in document.iter() {
            match element {
                Ok((name, value)) => visit(self, name.as_str(), value),
                Err(_) => return self.oddities.note("document"),
            }
        }
    }

    fn text<'a>(&mut self, field: &'static str, value: RawBsonRef<'a>) -> Option<Cow<'a, str>> {
        match value {
            RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Some(Cow::Borrowed(text)),
            other => self.absent(field, other),
        }
    }

    fn id(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<Id> {
        match value {
            RawBsonRef::ObjectId(id) => Some(Id::from(id.bytes())),
            RawBsonRef::String(text) => Some(Id::from(text)),
            other => self.absent(field, other),
        }
    }

    /// A finite number of any of BSON's four kinds.
    #[expect(clippy::cast_precision_loss, reason = "sums are kept as f64, as Prometheus has them")]
    fn number(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<f64> {
        let number = match value {
            RawBsonRef::Int32(number) => f64::from(number),
            RawBsonRef::Int64(number) => number as f64,
            RawBsonRef::Double(number) => number,
            RawBsonRef::Decimal128(number) => number.to_string().parse().unwrap_or(f64::NAN),
            other => return self.absent(field, other),
        };
        if number.is_finite() { Some(number) } else { self.odd(field) }
    }

    fn moment(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<Moment> {
        match value {
            RawBsonRef::DateTime(date) => Some(Moment(date.timestamp_millis())),
            other => self.absent(field, other),
        }
    }

    fn flag(&mut self, field: &'static str, value: RawBsonRef<'_>) -> bool {
        match value {
            RawBsonRef::Boolean(flag) => flag,
            other => self.absent(field, other).unwrap_or(false),
        }
    }

    /// Null is a normal absence; anything else here is of an odd type.
    fn absent<T>(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<T> {
        match value {
            value if is_null(value) => None,
            _ => self.odd(field),
        }
    }

    fn odd<T>(&mut self, field: &'static str) -> Option<T> {
        self.oddities.note(field);
        None
    }
}

fn is_null(value: RawBsonRef<'_>) -> bool {
    matches!(value, RawBsonRef::Null | RawBsonRef::Undefined)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};

    use super::*;
    use crate::librechat::record::Answerer;

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
            let (Record::Message(message), oddities) = record(Collection::Messages, &document) else {
                panic!()
            };
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
}
