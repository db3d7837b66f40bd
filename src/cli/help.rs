//! What `--help` ends with, and `settings`: both are made of the table of variables, so that neither can be out of date.

use std::fmt::Write as _;

use crate::config::VARIABLES;
use crate::vars::Variable;
use crate::vars::environment::ENV_FILE;

/// The page that has every variable.
const PAGE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/configuration.md");
const WIDTH: usize = 100;

/// The end of a command's help: the variables that matter to it, and an example.
pub(super) fn ending(names: &[&str], example: &str) -> String {
    let mut text = String::from("Environment:\n");
    for name in names {
        let known = VARIABLES.iter().copied().flatten().find(|variable| variable.name() == *name);
        known.into_iter().for_each(|variable| describe(&mut text, variable));
    }
    let _ = write!(
        text,
        "\nExample:\n  {example}\n\n`librechat-exporter settings` prints every variable; {PAGE} explains them."
    );
    text
}

/// Every variable, by area.
pub(super) fn settings() -> String {
    let mut text = format!(
        "Settings come from the environment and from a .env file in the working folder ({ENV_FILE} names another one).\n"
    );
    for area in VARIABLES {
        if let Some(first) = area.first() {
            let _ = write!(text, "\n{}\n", first.area.trim().trim_end_matches('.'));
        }
        area.iter().for_each(|variable| describe(&mut text, variable));
    }
    let _ = write!(text, "\n{PAGE} says more.\n");
    text
}

fn describe(text: &mut String, variable: &Variable) {
    let default = variable.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
    let _ = writeln!(text, "  {}{default}", variable.name());
    let doc = variable.doc.replace('`', "");
    let mut line = String::new();
    for word in doc.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() + 7 > WIDTH {
            let _ = writeln!(text, "     {line}");
            line.clear();
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(text, "     {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_has_every_variable_with_its_default() {
        let text = settings();
        for variable in VARIABLES.iter().copied().flatten() {
            let default =
                variable.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
            let line = format!("  {}{default}", variable.name());
            assert!(text.lines().any(|found| found == line), "{line}");
        }
        assert!(text.lines().all(|line| line.len() <= WIDTH + 40), "{text}");
    }
}
