//! What we read of LibreChat, and what becomes of it.
//!
//! A [`source`] lends [`record`]s; the [`fold`]s turn them into figures of what there is, the [`events`] count what happens;
//! [`sync`] keeps both current; the [`collector`] does so again and again and publishes the result. [`backfill`]
//! does so for instants of the past. Only `record` and `mongo` know LibreChat's schema.
//!
//! Never read: texts, tool outputs, titles, file contents, `conversations.messages`, `agents.versions`, and whatever is
//! secret (passwords, keys, tokens, session hashes). See [`record::Collection::projection`].

pub mod backfill;
pub mod calendar;
pub mod collector;
pub mod demo;
pub mod events;
pub mod fold;
pub mod indexes;
pub mod mongo;
pub mod numbered;
pub mod presence;
pub mod pseudonym;
pub mod recent;
pub mod record;
pub mod report;
pub mod rows;
pub mod scope;
pub mod source;
pub mod status;
pub mod sync;
pub mod table;
pub mod usage;
