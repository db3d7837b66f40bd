//! Documents of the collections that newer versions of LibreChat have.

use mongodb::bson::{RawBsonRef, RawDocument};

use crate::librechat::record::fields::Fields;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Collection, Item, ScheduleRun};

impl Fields {
    /// The names of the fields are those of all these collections: only a collection's own are asked for.
    pub(super) fn item<'a>(&mut self, collection: Collection, document: &'a RawDocument) -> Item<'a> {
        let mut item = Item::of(collection);
        self.each(document, |fields, name, value| match name {
            "user" => item.user = fields.id("user", value),
            "userId" => item.user = fields.id("userId", value),
            "createdAt" => item.created = fields.moment("createdAt", value),
            "namespace" => item.kind = fields.text("namespace", value),
            "expiresAt" => item.expires = fields.moment("expiresAt", value),
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

    pub(super) fn schedule_run<'a>(&mut self, document: &'a RawDocument) -> ScheduleRun<'a> {
        let mut run = ScheduleRun::default();
        self.each(document, |fields, name, value| match name {
            "status" => run.status = fields.text("status", value),
            "durationMs" => {
                let millis = fields.number("durationMs", value).filter(|millis| *millis >= 0.0);
                run.seconds = millis.map(|millis| millis / 1_000.0);
            }
            "mcp" => fields.mcp_statuses(value, &mut run),
            _ => {}
        });
        run
    }

    fn mcp_statuses<'a>(&mut self, value: RawBsonRef<'a>, run: &mut ScheduleRun<'a>) {
        let RawBsonRef::Array(servers) = value else {
            self.absent::<()>("mcp", value);
            return;
        };
        for server in servers {
            match server {
                Ok(RawBsonRef::Document(server)) => self.each(server, |fields, name, value| {
                    if name == "status" {
                        run.mcp.extend(fields.text("mcp", value));
                    }
                }),
                _ => self.oddities.note("mcp"),
            }
        }
    }
}
