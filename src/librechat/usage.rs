//! Usage: cost and tokens by type, and how rows of the ledger come to them.

pub mod window;

use super::fold::cost::usd;
use super::record::Transaction;
use super::table::Combine;

/// Kinds of tokens, as providers price them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    Input,
    CacheRead,
    CacheWrite,
    Output,
}

impl TokenType {
    pub const ALL: [Self; 4] = [Self::Input, Self::CacheRead, Self::CacheWrite, Self::Output];

    /// The value of the label `token_type`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::Output => "output",
        }
    }
}

/// Tokens by type.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tokens([f64; TokenType::ALL.len()]);

impl Tokens {
    /// Those of a row: what a prompt or a completion spent, and nothing for credits.
    pub fn of(row: &Transaction<'_>) -> Self {
        let mut tokens = Self::default();
        tokens_of(row).for_each(|(token_type, number)| tokens.add(token_type, number));
        tokens
    }

    fn add(&mut self, token_type: TokenType, number: f64) {
        let [input, cache_read, cache_write, output] = &mut self.0;
        *(match token_type {
            TokenType::Input => input,
            TokenType::CacheRead => cache_read,
            TokenType::CacheWrite => cache_write,
            TokenType::Output => output,
        }) += number;
    }

    pub fn by_type(self) -> impl Iterator<Item = (TokenType, f64)> {
        TokenType::ALL.into_iter().zip(self.0)
    }

    pub fn get(self, token_type: TokenType) -> f64 {
        self.by_type().find(|(known, _)| *known == token_type).map_or(0.0, |(_, number)| number)
    }
}

impl Combine for Tokens {
    fn combine(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(number, more)| *number += more);
    }
}

/// [`Tokens`] in half the room: whole ones, at most 2^32 - 1 of a type.
#[derive(Clone, Copy, Debug)]
pub struct PackedTokens([u32; TokenType::ALL.len()]);

impl From<Tokens> for PackedTokens {
    fn from(tokens: Tokens) -> Self {
        Self(tokens.0.map(whole))
    }
}

impl From<PackedTokens> for Tokens {
    fn from(tokens: PackedTokens) -> Self {
        Self(tokens.0.map(f64::from))
    }
}

/// Without its fraction, and as large as there is room for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float is bounded")]
pub const fn whole(tokens: f64) -> u32 {
    tokens as u32
}

/// The tokens that a row has spent, by type. The parts of a prompt are told apart where LibreChat stores them.
pub fn tokens_of(row: &Transaction<'_>) -> impl Iterator<Item = (TokenType, f64)> + use<> {
    let parts = match row.token_type.as_deref() {
        Some("completion") => [None, None, None, Some(row.raw_amount)],
        Some("prompt") => match (row.input_tokens, row.read_tokens, row.write_tokens) {
            (None, None, None) => [Some(row.raw_amount), None, None, None],
            (input, read, write) => [Some(input), Some(read), Some(write), None],
        },
        _ => [None; 4],
    };
    let parts = TokenType::ALL.into_iter().zip(parts);
    parts.filter_map(|(token_type, tokens)| Some((token_type, tokens?.unwrap_or_default().abs())))
}

/// Cost and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub usd: f64,
    pub tokens: Tokens,
}

impl Usage {
    pub fn of(row: &Transaction<'_>) -> Self {
        Self { usd: usd(row).unwrap_or_default(), tokens: Tokens::of(row) }
    }

    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Combine for Usage {
    fn combine(&mut self, other: Self) {
        self.usd += other.usd;
        self.tokens.combine(other.tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_told_apart_where_its_parts_are_stored() {
        let row = |token_type: &'static str, parts: [Option<f64>; 3]| {
            let [input_tokens, write_tokens, read_tokens] = parts;
            let (token_type, raw_amount) = (Some(token_type.into()), Some(-10.0));
            Transaction {
                token_type,
                raw_amount,
                input_tokens,
                write_tokens,
                read_tokens,
                ..Transaction::default()
            }
        };
        let cases = [
            (row("prompt", [None; 3]), [10.0, 0.0, 0.0, 0.0]),
            (row("prompt", [Some(-1.0), Some(-2.0), Some(-7.0)]), [1.0, 7.0, 2.0, 0.0]),
            (row("prompt", [None, None, Some(-7.0)]), [0.0, 7.0, 0.0, 0.0]),
            (row("completion", [None; 3]), [0.0, 0.0, 0.0, 10.0]),
            (row("credits", [None; 3]), [0.0; 4]),
        ];
        for (row, expected) in cases {
            assert_eq!(Tokens::of(&row), Tokens(expected), "{row:?}");
        }
    }
}
