//! The authorizer of access tokens, with everything that keeps the files of its issuers current.

use prometheus_client::registry::Registry;

use crate::auth::clock::WallClock;
use crate::auth::jwt::Jwt;
use crate::config::oauth2::{IssuerSettings, KEY_FILE, LARGEST_FILE, OAuth2Settings};
use crate::config::secrets::tell_remarks;
use crate::reload::Watch;
use crate::secret::document::Document;
use crate::secret::file::Contents;
use crate::telemetry::clock;

/// Starts to fetch keys in the background; whatever comes from files is added to `watches`.
pub fn build(settings: OAuth2Settings, registry: &mut Registry, watches: &mut Vec<Watch>) -> Jwt {
    let mut issuers = Vec::new();
    let mut key_files = Vec::new();
    for IssuerSettings { settings, supply, key_file, watches: own } in settings.issuers {
        issuers.push((settings, supply));
        key_files.push(key_file);
        watches.extend(own);
    }
    let jwt = Jwt::start(issuers, WallClock::new(clock::now), registry);
    for (keys, key_file) in jwt.keys().zip(key_files) {
        if let Some((path, document)) = key_file {
            let seen = path.clone();
            let read = move || Document::read(&path, LARGEST_FILE);
            let replace = move |document: Document| {
                keys.replace(document.bytes())?;
                tell_remarks(KEY_FILE, &seen, Contents::Public);
                Ok::<(), String>(())
            };
            watches.push(Watch::new(KEY_FILE, &document, read, replace));
        }
    }
    jwt
}
