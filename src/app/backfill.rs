//! `backfill`: a pass over the source, and what it comes to as a file.
//!
//! Nothing is written before everything was read, and a file is there as a whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;
use tracing::info;

use super::signals::Signals;
use crate::exposition::history::labels::ExtraLabels;
use crate::exposition::history::{History, Text};
use crate::librechat::backfill::instants::Instants;
use crate::librechat::backfill::{Backfill, Figures};
use crate::librechat::collector::report_contents;
use crate::librechat::scope::Options;
use crate::librechat::source::Source;

/// What is asked for.
#[derive(Debug)]
pub struct Order {
    pub instants: Instants,
    /// What each series gets besides its own labels.
    pub labels: ExtraLabels,
    /// Standard output when there is none.
    pub output: Option<PathBuf>,
}

/// Writes what the figures were at all these instants.
///
/// # Errors
/// Those of the source, of the output, and a source without anything.
pub async fn backfill<S: Source>(source: &S, options: Options, order: Order) -> anyhow::Result<()> {
    let signals = Signals::install()?;
    let output = Output::new(order.output)?;
    tokio::select! {
        written = write(source, options, order.instants, &order.labels, output) => written,
        () = signals.first() => bail!("stopped by a signal: nothing was written"),
    }
}

async fn write<S: Source>(
    source: &S,
    options: Options,
    instants: Instants,
    labels: &ExtraLabels,
    output: Output,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let contents = source.prepare().await?;
    report_contents(None, &contents);
    if contents.collections == 0 {
        bail!("the database {} has none of LibreChat's collections: nothing was written", contents.database);
    }
    let mut history = History::new(output.spool()?, labels);
    let mut pass = Backfill::new(source, options, instants);
    pass.read_irregular().await?;
    for at in instants.iter() {
        if let Some(made) = pass.advance(at).await? {
            record(&mut history, made, &output)?;
        }
    }
    while let Some(made) = pass.made().await? {
        record(&mut history, made, &output)?;
    }
    let documents = pass.documents();
    drop(pass);
    if documents == 0 {
        bail!("the database {} has no document of that time: nothing was written", contents.database);
    }
    let series = history.series();
    let place = output.write(history.into_text().context("what was set aside cannot be read")?).await?;
    info!(
        "wrote {series} series at {} instants to {place}, of {documents} documents, in {:.1} s",
        instants.iter().len(),
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn record(history: &mut History, (at, samples): Figures, output: &Output) -> anyhow::Result<()> {
    history.record(at.0 / 1_000, &samples).with_context(|| output.no_room())
}

/// Where the text goes to.
#[derive(Debug)]
enum Output {
    Standard,
    /// A pipe or a device, which cannot be replaced.
    Stream(PathBuf),
    /// A file, there or to be made, and its folder.
    File {
        path: PathBuf,
        folder: PathBuf,
    },
}

impl Output {
    fn new(path: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Standard) };
        // The file that a link leads to is what is replaced.
        let path = fs::canonicalize(&path).unwrap_or(path);
        match fs::metadata(&path) {
            Ok(known) if known.is_dir() => bail!("--output {} is a folder", path.display()),
            Ok(known) if !known.is_file() => return Ok(Self::Stream(path)),
            _ => {}
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        Ok(Self::File { path, folder })
    }

    /// A file for what is too much for memory, which is gone with the process: where the output goes to, since there must
    /// be room for more anyway.
    fn spool(&self) -> anyhow::Result<File> {
        let folder = self.spool_folder();
        tempfile::tempfile_in(&folder).with_context(|| match self {
            Self::File { .. } => format!("no file can be made in {}, where --output is", folder.display()),
            _ => {
                format!("no file can be made in {}: TMPDIR can name a folder where one can", folder.display())
            }
        })
    }

    fn spool_folder(&self) -> PathBuf {
        match self {
            Self::File { folder, .. } => folder.clone(),
            Self::Standard | Self::Stream(_) => std::env::temp_dir(),
        }
    }

    fn no_room(&self) -> String {
        format!("a temporary file in {} cannot be written", self.spool_folder().display())
    }

    /// Gives the name of where it was written to.
    async fn write(self, text: Text) -> anyhow::Result<String> {
        match self {
            Self::Standard => {
                copy(text, io::stdout()).await.context("standard output cannot be written")?;
                Ok("standard output".into())
            }
            Self::Stream(path) => {
                let name = path.display().to_string();
                let stream = File::options().write(true).open(&path);
                let stream = stream.with_context(|| format!("{name} cannot be written"))?;
                copy(text, stream).await.with_context(|| format!("{name} cannot be written"))?;
                Ok(name)
            }
            Self::File { path, folder } => {
                let name = path.display().to_string();
                replace(text, &path, &folder).await.with_context(|| format!("{name} cannot be written"))?;
                Ok(name)
            }
        }
    }
}

/// Writes a file beside the one that is meant, and puts it into its place when it is whole.
async fn replace(text: Text, path: &Path, folder: &Path) -> anyhow::Result<()> {
    // As any program makes files: the umask says who may read it.
    let mode = fs::metadata(path).map_or(0o666, |known| known.permissions().mode());
    let mut builder = tempfile::Builder::new();
    let file: NamedTempFile =
        builder.prefix(".backfill-").permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    copy(text, file.as_file().try_clone()?).await?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Writes on a thread of its own: a signal must end it even while nobody reads.
async fn copy(mut text: Text, mut to: impl Write + Send + 'static) -> io::Result<()> {
    let copying = spawn_blocking(move || {
        while let Some(piece) = text.next_piece()? {
            to.write_all(piece.as_bytes())?;
        }
        to.flush()
    });
    copying.await.map_err(io::Error::other)?
}
