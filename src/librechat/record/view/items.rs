//! Documents of the collections that newer versions of LibreChat have.

use mongodb::bson::RawDocument;

use crate::librechat::record::fields::Fields;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Collection, Item};

impl Fields {
    /// The names of the fields are those of all these collections: only a collection's own are asked for.
    pub(super) fn item<'a>(&mut self, collection: Collection, document: &'a RawDocument) -> Item<'a> {
        let mut item = Item::of(collection);
        self.each(document, |fields, name, value| match name {
            "userId" => item.user = fields.id("userId", value),
            "createdAt" => item.created = fields.moment("createdAt", value),
            "status" => item.kind = fields.text("status", value),
            "category" => item.kind = fields.text("category", value),
            "principalType" => item.kind = fields.text("principalType", value),
            "outcome" => item.detail = fields.text("outcome", value),
            "resourceType" => item.detail = fields.text("resourceType", value),
            "resourceId" => item.resource = fields.id("resourceId", value),
            "enabled" => item.is_on = fields.flag("enabled", value),
            "tokenCount" => item.tokens = fields.number("tokenCount", value),
            "lastUsedAt" => item.used = fields.moment("lastUsedAt", value),
            _ => {}
        });
        let made = document.get_object_id("_id").ok().and_then(|id| Id::from(id.bytes()).time());
        item.created = item.created.or(made);
        item
    }
}
