//! The manual pages and the shells' completions below `deploy/`, made of the command line and of the table of settings.
//! `UPDATE_GOLDEN=1 cargo test --test packaging` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use librechat_exporter::cli::Cli;
use librechat_exporter::config::VARIABLES;

const NAME: &str = "librechat-exporter";
/// The manual's date: fixed, so that its pages are the same on every day.
const DATE: &str = "2026-11-21";

/// Without the commit, which would make the files out of date with each one.
fn command() -> clap::Command {
    let mut command = Cli::command().version(env!("CARGO_PKG_VERSION"));
    command.build();
    command
}

fn page(command: &clap::Command, name: &str, sections: Option<&Roff>) -> String {
    let man =
        Man::new(command.clone()).title(name.to_uppercase()).date(DATE).source(NAME).manual("User commands");
    let mut page = Vec::new();
    man.render(&mut page).unwrap();
    if let Some(sections) = sections {
        sections.to_writer(&mut page).unwrap();
    }
    String::from_utf8(page).unwrap()
}

/// What clap does not know of: variables, exit codes, signals, files.
fn sections() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "Blank is absent. Each variable also exists with the prefix LIBRECHAT_EXPORTER_, which wins.",
    )]);
    for variable in VARIABLES.iter().copied().flatten() {
        let doc = variable.doc.replace('`', "");
        let doc = doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let default = variable.default.map(|value| format!(" Default: {value}.")).unwrap_or_default();
        roff.control("TP", []).text([bold(variable.name())]).text([roman(format!("{doc}{default}"))]);
    }
    let lists: [(&str, &[(&str, &str)]); 3] = [
        (
            "EXIT STATUS",
            &[
                ("0", "Done."),
                ("1", "Failed at run time."),
                ("2", "Bad configuration; every problem is told."),
            ],
        ),
        (
            "SIGNALS",
            &[
                (
                    "SIGTERM, SIGINT",
                    "Open requests are finished, then it ends with 0. A second one ends it at once with 1.",
                ),
                ("SIGHUP", "Secrets and certificates are read from their files again."),
            ],
        ),
        ("FILES", &[(".env", "Settings in the working folder; the environment wins.")]),
    ];
    for (title, entries) in lists {
        roff.control("SH", [title]);
        for (term, meaning) in entries {
            roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
        }
    }
    roff
}

/// Every file, by its path below `deploy/`.
fn files() -> BTreeMap<PathBuf, String> {
    let command = command();
    let mut files = BTreeMap::new();
    files.insert(format!("man/{NAME}.1").into(), page(&command, NAME, Some(&sections())));
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("{NAME}-{}", subcommand.get_name());
        files.insert(
            format!("man/{name}.1").into(),
            page(&subcommand.clone().display_name(name.clone()), &name, None),
        );
    }
    for (shell, file) in [
        (Shell::Bash, format!("{NAME}.bash")),
        (Shell::Zsh, format!("_{NAME}")),
        (Shell::Fish, format!("{NAME}.fish")),
    ] {
        let mut completion = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), NAME, &mut completion);
        files.insert(Path::new("completions").join(file), String::from_utf8(completion).unwrap());
    }
    files
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write its files")]
fn the_manual_and_the_completions_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let files = files();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for (path, text) in &files {
            std::fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            std::fs::write(folder.join(path), text).unwrap();
        }
    }
    for (path, text) in &files {
        let written = std::fs::read_to_string(folder.join(path)).unwrap_or_default();
        let differing = text.lines().zip(written.lines()).find(|(made, written)| made != written);
        assert_eq!(
            differing,
            None,
            "{}: the first line that differs, as it should be and as it is",
            path.display()
        );
        assert_eq!(text.lines().count(), written.lines().count(), "{}", path.display());
    }
    let present = ["man", "completions"].map(|kind| std::fs::read_dir(folder.join(kind)).unwrap().count());
    assert_eq!(present.iter().sum::<usize>(), files.len(), "a file is there that nothing makes");
}

#[test]
fn the_manual_names_every_command_and_every_variable() {
    let files = files();
    let manual = &files[Path::new("man/librechat-exporter.1")];
    for name in ["serve", "demo", "once", "check-config", "healthcheck"] {
        assert!(files.contains_key(Path::new(&format!("man/{NAME}-{name}.1"))), "{name}");
    }
    for variable in VARIABLES.iter().copied().flatten() {
        assert!(manual.contains(&variable.name()), "{}", variable.name());
    }
}
