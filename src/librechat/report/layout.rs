//! The columns of a report, for every format.

use super::{Figures, Labels, Report};
use crate::librechat::usage::TokenType;

/// Another currency than US dollars.
#[derive(Clone, Debug, PartialEq)]
pub struct Currency {
    /// Such as EUR.
    pub code: String,
    /// What one US dollar costs in it.
    pub rate: f64,
}

/// A figure of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    Count(u64),
    Tokens(f64),
    /// In US dollars or in the other currency.
    Money(f64),
}

/// The names of the columns behind those of the dimensions.
pub fn columns(currency: Option<&Currency>) -> Vec<&'static str> {
    let cost = currency.map(|_| "cost");
    let before = ["messages", "conversations", "tokens_input", "tokens_output"];
    let tokens = ["tokens_cache_read", "tokens_cache_write", "cost_usd"];
    let after = ["errors", "thumbs_up", "thumbs_down", "active_days"];
    before.into_iter().chain(tokens).chain(cost).chain(after).collect()
}

/// The figures of a row, in the order of the columns.
pub fn figures(figures: &Figures, currency: Option<&Currency>) -> Vec<Figure> {
    let count = |number: usize| Figure::Count(u64::try_from(number).unwrap_or(u64::MAX));
    let tokens = |token_type| Figure::Tokens(figures.usage.tokens.get(token_type));
    let usd = figures.usage.usd;
    let before = [
        Figure::Count(figures.messages),
        count(figures.conversations()),
        tokens(TokenType::Input),
        tokens(TokenType::Output),
        tokens(TokenType::CacheRead),
        tokens(TokenType::CacheWrite),
        Figure::Money(usd),
    ];
    let after = [
        Figure::Count(figures.errors),
        Figure::Count(figures.thumbs_up),
        Figure::Count(figures.thumbs_down),
        count(figures.active_days()),
    ];
    let cost = currency.map(|currency| Figure::Money(usd * currency.rate));
    before.into_iter().chain(cost).chain(after).collect()
}

/// A report with the currency that its costs are shown in.
#[derive(Debug)]
pub struct Sheet<'a> {
    pub report: &'a Report,
    pub currency: Option<&'a Currency>,
}

impl<'a> Sheet<'a> {
    pub fn dimensions(&self) -> impl Iterator<Item = &'static str> {
        self.report.by.dimensions().iter().map(|dimension| dimension.name())
    }

    pub fn columns(&self) -> Vec<&'static str> {
        columns(self.currency)
    }

    pub fn rows(&self) -> impl Iterator<Item = (&'a Labels, Vec<Figure>)> {
        self.report.rows.iter().map(|(labels, row)| (labels, figures(row, self.currency)))
    }

    pub fn total(&self) -> Vec<Figure> {
        figures(&self.report.total, self.currency)
    }

    /// The first and the last day, or instants where it is not whole days.
    pub fn period(&self) -> String {
        let Report { span, calendar, .. } = self.report;
        format!(
            "{} to {} ({})",
            calendar.written(span.from),
            calendar.written(span.until.before(-1)),
            calendar.name()
        )
    }
}
