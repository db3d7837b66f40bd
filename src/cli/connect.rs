//! `check-config --connect`: what MongoDB says when it is asked, without reading a document.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;

use super::block_on;
use crate::app;
use crate::config::Config;
use crate::librechat::mongo::Mongo;
use crate::librechat::source::Source as _;
use crate::librechat::source::changes::{Start, Watched};

pub(super) fn connect(config: &mut Config) -> anyhow::Result<ExitCode> {
    let (mongo, _) = app::mongo(config).context("MONGO_URI is missing")?;
    let text = block_on(async { Ok(ask(&mongo).await?) })?;
    std::io::stdout().write_all(text.as_bytes()).context("the answers cannot be written")?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(mongo: &Mongo) -> Result<String, crate::librechat::source::SourceError> {
    let contents = mongo.prepare().await?;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "MongoDB answers");
    let _ = writeln!(
        text,
        "the database {} has {} of LibreChat's collections",
        contents.database, contents.collections
    );
    if let Some(other) = &contents.elsewhere {
        let _ = writeln!(
            text,
            "the database {other} has some: name it in the path of MONGO_URI or in MONGO_DATABASE"
        );
    }
    if let Some(lag) = mongo.check().await? {
        let _ =
            writeln!(text, "the majority of the replica set is {} s behind its newest write", lag.as_secs());
    }
    let follows = match mongo.watch(Start::Now).await? {
        Watched::Changes(_) => "change_stream: yes".to_owned(),
        Watched::Lost => "change_stream: no (polling)".to_owned(),
        Watched::Impossible(reason) => format!("change_stream: no (polling): {reason}"),
        Watched::Failed(error) => format!("change_stream: no (polling): {error}"),
    };
    let _ = writeln!(text, "{follows}");
    for (capability, has) in mongo.capabilities().await {
        let _ = writeln!(text, "{capability}: {}", if has { "yes" } else { "no (read without)" });
    }
    for collection in mongo.unreadable() {
        let _ =
            writeln!(text, "the collection {} may not be read: its figures are left out", collection.name());
    }
    Ok(text)
}
