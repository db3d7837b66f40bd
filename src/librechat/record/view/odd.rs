//! Every field missing, null, of every BSON type and of extreme values: no panic, and no family lost.

use std::collections::BTreeSet;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{
    Binary, Bson, DateTime, DbPointer, Document, JavaScriptCodeWithScope, RawDocumentBuf, Regex, Timestamp,
    doc, oid::ObjectId,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::librechat::fold::Folds;
use crate::librechat::record::view::record;
use crate::librechat::record::{Collection, Moment};
use crate::librechat::scope::{Options, ShownUser, UserLabel};

const AT: Moment = Moment(1_795_247_940_000);

/// A value of every type that BSON has, and the ones at the ends of their ranges.
fn values() -> Vec<Bson> {
    let nested =
        doc! { "rating": "thumbsUp", "tag": { "key": 7 }, "type": "tool_call", "tool_call": { "name": 3 } };
    let pointer: DbPointer = serde_json::from_value(
        serde_json::json!({ "$dbPointer": { "$ref": "a", "$id": { "$oid": "69629fc78b4c51a245000005" } } }),
    )
    .unwrap();
    vec![
        Bson::Null,
        Bson::Undefined,
        Bson::MinKey,
        Bson::MaxKey,
        Bson::Boolean(true),
        Bson::Boolean(false),
        Bson::Int32(i32::MIN),
        Bson::Int64(i64::MAX),
        Bson::Int64(i64::MIN),
        Bson::Double(f64::NAN),
        Bson::Double(f64::NEG_INFINITY),
        Bson::Double(f64::MAX),
        Bson::Double(-0.0),
        Bson::Decimal128("1E+6144".parse().unwrap()),
        Bson::Decimal128("NaN".parse().unwrap()),
        Bson::DateTime(DateTime::MAX),
        Bson::DateTime(DateTime::MIN),
        Bson::DateTime(DateTime::from_millis(AT.0)),
        Bson::DateTime(DateTime::from_millis(-1)),
        Bson::String(String::new()),
        Bson::String("\0\u{1}\n\"\\{}|,=\u{fffd}".into()),
        Bson::String("x".repeat(1 << 20)),
        Bson::String("agent_a".into()),
        Bson::String("thumbsDown".into()),
        Bson::String("tool_call".into()),
        Bson::Symbol("symbol".into()),
        Bson::ObjectId(ObjectId::from_bytes([255; 12])),
        Bson::Array(vec![Bson::Array(vec![]), Bson::Null, nested.clone().into(), Bson::Int32(1)]),
        Bson::Document(nested),
        Bson::Document(doc! {}),
        Bson::Binary(Binary { subtype: BinarySubtype::UserDefined(200), bytes: vec![0; 9] }),
        Bson::RegularExpression(Regex { pattern: "a".try_into().unwrap(), options: "i".try_into().unwrap() }),
        Bson::JavaScriptCode("x".into()),
        Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope { code: "x".into(), scope: doc! {} }),
        Bson::Timestamp(Timestamp { time: u32::MAX, increment: u32::MAX }),
        Bson::DbPointer(pointer),
    ]
}

/// The top-level fields that are read, dotted ones as far as their first dot.
fn fields(collection: Collection) -> BTreeSet<&'static str> {
    // What the server makes of several fields comes under a name of its own.
    let names = collection.projection().iter().map(|projected| projected.name());
    let tops = names.map(|name| name.split_once('.').map_or(name, |(top, _)| top));
    tops.chain(["_id"]).collect()
}

fn folds() -> Folds {
    let options = Options {
        per_user: Some(UserLabel::Shown(ShownUser::Email)),
        max_label_values: 10_000,
        ..Options::default()
    };
    Folds::new(&options, Moment(i64::MIN))
}

fn absorb(folds: &mut Folds, collection: Collection, document: &Document) -> BTreeSet<&'static str> {
    let document = RawDocumentBuf::try_from(document).unwrap();
    let (record, oddities) = record(collection, &document);
    folds.absorb(&record);
    oddities.fields().iter().copied().collect()
}

fn families(folds: &Folds) -> BTreeSet<String> {
    let text = folds.export(AT).render();
    let is_number = |line: &str| [" NaN", " inf", " -inf"].iter().all(|end| !line.ends_with(end));
    assert!(text.lines().all(is_number), "an absent figure is left out");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

#[test]
fn any_one_field_may_be_anything() {
    let none = families(&folds());
    let mut folds = folds();
    for collection in Collection::ALL {
        for field in fields(*collection) {
            for value in values() {
                let found = absorb(&mut folds, *collection, &doc! { field: value.clone() });
                assert!(found.iter().all(|odd| *odd == field), "{value:?} of {field} is told of {found:?}");
                if matches!(value, Bson::Null | Bson::Undefined) {
                    assert!(found.is_empty(), "{field} may be absent");
                }
                if matches!(value, Bson::MinKey | Bson::DbPointer(_)) && field != "attachments" {
                    assert!(
                        found.len() == usize::from(!unread(*collection, field)),
                        "{value:?} of {collection:?}.{field} is not told of"
                    );
                }
            }
        }
    }
    assert_eq!(families(&folds), none, "a family is lost");
}

/// `_id` is asked for always, and read of some.
fn unread(collection: Collection, field: &str) -> bool {
    let has_id = [
        Collection::Users,
        Collection::Actions,
        Collection::Sessions,
        Collection::Balances,
        Collection::Groups,
        Collection::AgentQueuedTurns,
    ];
    field == "_id" && !has_id.contains(&collection)
}

#[test]
fn all_fields_may_be_anything_together_and_merging_is_absorbing() {
    let values = values();
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(7);
    let (mut whole, mut left, mut right) = (folds(), folds(), folds());
    for index in 0..2_000 {
        let Some(collection) = Collection::ALL.choose(&mut dice) else { continue };
        let mut document = Document::new();
        for field in fields(*collection) {
            // Sums of the largest numbers are infinite, in whatever order; those have the test above.
            let value = values.choose(&mut dice).filter(|value| !is_huge(value));
            if let Some(value) = value.filter(|_| dice.random_bool(0.8)) {
                document.insert(field, value.clone());
            }
        }
        absorb(&mut whole, *collection, &document);
        absorb(if index % 3 == 0 { &mut left } else { &mut right }, *collection, &document);
    }
    left.merge(&right);
    let lines = |folds: &Folds| folds.export(AT).render().lines().count();
    assert_eq!(lines(&whole), lines(&left));
    assert_eq!(families(&left), families(&folds()));
}

fn is_huge(value: &Bson) -> bool {
    matches!(value, Bson::Double(_) | Bson::Decimal128(_) | Bson::Int64(_))
        || value.as_str().is_some_and(|text| text.len() > 1 << 19)
}

#[test]
fn ten_thousand_labels_are_capped() {
    let mut folds = Folds::new(&Options::default(), Moment(i64::MIN));
    for number in 0..10_000 {
        absorb(&mut folds, Collection::Messages, &doc! { "model": format!("model {number}\u{7}") });
    }
    for number in 0..10_000 {
        absorb(
            &mut folds,
            Collection::Groups,
            &doc! { "name": format!("group {number}"), "memberIds": ["u"] },
        );
    }
    let text = folds.export(AT).render();
    let models = text.lines().filter(|line| line.starts_with("librechat_model_usage_count{")).count();
    assert_eq!(models, 201);
    assert!(text.contains("librechat_model_usage_count{model=\"other\"} 9800"));
    // Groups do not add up: who is in several counts in each.
    let groups = text.lines().filter(|line| line.starts_with("librechat_active_users_by_group{")).count();
    assert_eq!(groups, 200);
}
