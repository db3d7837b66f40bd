//! The values of a document's elements, read leniently: missing and null are absent, another type is odd.

use std::borrow::Cow;

use mongodb::bson::{RawBsonRef, RawDocument};

use super::Moment;
use super::id::{Id, Key};

/// Names of fields whose values were of an odd type: the metric label `reason`. A closed set, since they are ours.
#[derive(Debug, Default)]
pub struct Oddities(Vec<&'static str>);

impl Oddities {
    pub(super) fn note(&mut self, field: &'static str) {
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }

    pub fn fields(&self) -> &[&'static str] {
        &self.0
    }
}

/// Reads values and notes the odd ones.
#[derive(Debug, Default)]
pub struct Fields {
    pub oddities: Oddities,
}

impl Fields {
    /// Calls `visit` for every element; broken BSON ends the walk and is noted.
    pub(super) fn each<'a>(
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

    pub(super) fn text<'a>(&mut self, field: &'static str, value: RawBsonRef<'a>) -> Option<Cow<'a, str>> {
        match value {
            RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Some(Cow::Borrowed(text)),
            other => self.absent(field, other),
        }
    }

    pub(super) fn key(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<Key> {
        self.text(field, value).as_deref().map(Key::from)
    }

    pub(super) fn id(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<Id> {
        match value {
            RawBsonRef::ObjectId(id) => Some(Id::from(id.bytes())),
            RawBsonRef::String(text) => Some(Id::from(text)),
            other => self.absent(field, other),
        }
    }

    /// A finite number of any of BSON's four kinds.
    #[expect(clippy::cast_precision_loss, reason = "sums are kept as f64, as Prometheus has them")]
    pub(super) fn number(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<f64> {
        let number = match value {
            RawBsonRef::Int32(number) => f64::from(number),
            RawBsonRef::Int64(number) => number as f64,
            RawBsonRef::Double(number) => number,
            RawBsonRef::Decimal128(number) => number.to_string().parse().unwrap_or(f64::NAN),
            other => return self.absent(field, other),
        };
        if number.is_finite() { Some(number) } else { self.odd(field) }
    }

    pub(super) fn moment(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<Moment> {
        match value {
            RawBsonRef::DateTime(date) => Some(Moment(date.timestamp_millis())),
            other => self.absent(field, other),
        }
    }

    /// Absent is `false`.
    pub(super) fn flag(&mut self, field: &'static str, value: RawBsonRef<'_>) -> bool {
        self.flag_or_none(field, value).unwrap_or(false)
    }

    pub(super) fn flag_or_none(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<bool> {
        match value {
            RawBsonRef::Boolean(flag) => Some(flag),
            other => self.absent(field, other),
        }
    }

    /// Null is a normal absence; anything else here is of an odd type.
    pub(super) fn absent<T>(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Option<T> {
        match value {
            value if is_null(value) => None,
            _ => self.odd(field),
        }
    }

    pub(super) fn odd<T>(&mut self, field: &'static str) -> Option<T> {
        self.oddities.note(field);
        None
    }
}

pub(super) fn is_null(value: RawBsonRef<'_>) -> bool {
    matches!(value, RawBsonRef::Null | RawBsonRef::Undefined)
}
