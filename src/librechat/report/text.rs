//! Reports as aligned text, CSV, Markdown and JSON.

use serde::ser::{Serialize, SerializeMap as _, SerializeStruct as _, Serializer};

use super::layout::{Figure, Sheet};

/// Shown where a row has no value, such as the agent of a chat without one.
const NONE: &str = "-";

/// For people: rounded, and with separators of thousands.
pub fn shown(figure: Figure) -> String {
    match figure {
        Figure::Count(number) => grouped(&number.to_string()),
        Figure::Tokens(tokens) => grouped(&format!("{tokens:.0}")),
        Figure::Money(amount) => {
            let text = format!("{amount:.2}");
            let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
            format!("{}.{cents}", grouped(whole))
        }
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// For programs: as exact as it is.
fn exact(figure: Figure) -> String {
    match figure {
        Figure::Count(number) => number.to_string(),
        Figure::Tokens(number) | Figure::Money(number) => number.to_string(),
    }
}

/// A table of text columns that line up, for a terminal.
pub fn table(sheet: &Sheet<'_>) -> String {
    let dimensions: Vec<_> = sheet.dimensions().collect();
    let heads = dimensions.iter().copied().chain(sheet.columns()).map(str::to_owned);
    let mut lines: Vec<Vec<String>> = vec![heads.collect()];
    for (labels, figures) in sheet.rows() {
        let labels = labels.iter().map(|label| label.as_deref().map_or_else(|| NONE.to_owned(), one_line));
        lines.push(labels.chain(figures.into_iter().map(shown)).collect());
    }
    let total =
        (0..dimensions.len()).map(|index| if index == 0 { "total".to_owned() } else { String::new() });
    lines.push(total.chain(sheet.total().into_iter().map(shown)).collect());
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..lines.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = format!("{}\n\n", sheet.period());
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(index, (cell, width))| {
            let room = " ".repeat(width.saturating_sub(cell.chars().count()));
            if index < dimensions.len() { format!("{cell}{room}") } else { format!("{room}{cell}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Comma-separated values as RFC 4180 has them, without the total: a spreadsheet adds up by itself.
pub fn csv(sheet: &Sheet<'_>) -> String {
    let mut text = sheet.dimensions().chain(sheet.columns()).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    for (labels, figures) in sheet.rows() {
        let labels = labels.iter().map(|label| cell(label.as_deref().unwrap_or_default()));
        text.push_str(&labels.chain(figures.into_iter().map(exact)).collect::<Vec<_>>().join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell of CSV. What a spreadsheet would take for a formula gets an apostrophe, so that it stays a text.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A table of GitHub's Markdown.
pub fn markdown(sheet: &Sheet<'_>) -> String {
    let dimensions: Vec<_> = sheet.dimensions().collect();
    let row =
        |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let mut text = format!("{}\n\n", sheet.period());
    let heads = dimensions.iter().copied().chain(sheet.columns());
    text.push_str(&row(&mut heads.map(str::to_owned)));
    let rules = dimensions.iter().map(|_| "---").chain(sheet.columns().into_iter().map(|_| "---:"));
    text.push_str(&row(&mut rules.map(str::to_owned)));
    for (labels, figures) in sheet.rows() {
        let labels = labels.iter().map(|label| label.as_deref().map_or_else(|| NONE.to_owned(), escaped));
        text.push_str(&row(&mut labels.chain(figures.into_iter().map(shown))));
    }
    let total =
        (0..dimensions.len()).map(|index| if index == 0 { "**total**".to_owned() } else { String::new() });
    text.push_str(&row(&mut total.chain(sheet.total().into_iter().map(shown))));
    text
}

/// Text that Markdown leaves as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in one_line(text).chars() {
        if character.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// `{"from","to","timezone","by","rows":[…],"total":{…}}`.
///
/// # Errors
/// None that a report can have: numbers are finite.
pub fn json(sheet: &Sheet<'_>) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Whole(sheet)).map(|text| text + "\n")
}

struct Whole<'a>(&'a Sheet<'a>);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sheet = self.0;
        let (columns, calendar) = (sheet.columns(), &sheet.report.calendar);
        let names: Vec<_> = sheet.dimensions().collect();
        let rows: Vec<_> = sheet
            .rows()
            .map(|(labels, figures)| {
                Row(
                    names.iter().copied().zip(labels).collect(),
                    columns.iter().copied().zip(figures).collect(),
                )
            })
            .collect();
        let mut whole = serializer.serialize_struct("Report", 6)?;
        whole.serialize_field("from", &calendar.written(sheet.report.span.from))?;
        whole.serialize_field("to", &calendar.written(sheet.report.span.until.before(-1)))?;
        whole.serialize_field("timezone", calendar.name())?;
        whole.serialize_field("by", &names)?;
        whole.serialize_field("rows", &rows)?;
        whole.serialize_field("total", &Row(Vec::new(), columns.into_iter().zip(sheet.total()).collect()))?;
        whole.end()
    }
}

struct Row<'a>(Vec<(&'a str, &'a Option<String>)>, Vec<(&'a str, Figure)>);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(Some(self.0.len() + self.1.len()))?;
        for (name, label) in &self.0 {
            row.serialize_entry(name, label)?;
        }
        for (name, figure) in &self.1 {
            match figure {
                Figure::Count(number) => row.serialize_entry(name, number)?,
                Figure::Tokens(number) | Figure::Money(number) => row.serialize_entry(name, number)?,
            }
        }
        row.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_for_people_only() {
        assert_eq!(shown(Figure::Count(1_234_567)), "1,234,567");
        assert_eq!(shown(Figure::Money(1_234.567)), "1,234.57");
        assert_eq!(shown(Figure::Money(0.0)), "0.00");
        assert_eq!(exact(Figure::Money(0.1)), "0.1");
        assert_eq!(exact(Figure::Tokens(12.0)), "12");
    }

    #[test]
    fn values_stay_text_in_every_format() {
        assert_eq!(cell("Sales, \"EU\""), r#""Sales, ""EU""""#);
        assert_eq!(cell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(cell("-1"), "'-1");
        assert_eq!(cell("plain"), "plain");
        assert_eq!(escaped("a|b<i>\n"), "a\\|b\\<i\\> ");
    }
}
