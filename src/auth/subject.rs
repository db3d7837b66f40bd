//! Who somebody is, as far as a good credential says so: for the log and for those whom a proxy tells, never for deciding.

use std::fmt;
use std::sync::Arc;

use super::excerpt::Excerpt;

/// The longest name that is kept whole, in bytes: OpenID Connect Core section 2 has `sub` at no more than 255 characters.
const LONGEST: usize = 256;

/// The user of Basic, `sub` of a token, LibreChat's user. Shown escaped and cut, since an issuer may write anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    text: Arc<str>,
    is_whole: bool,
}

impl Subject {
    pub fn new(text: &str) -> Self {
        let kept = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default();
        Self { text: kept.into(), is_whole: kept.len() == text.len() }
    }

    /// The name as the credential has it; `None` when it was too long to be kept, since a part of it may be another's.
    pub fn whole(&self) -> Option<&str> {
        self.is_whole.then_some(&*self.text)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Excerpt(&self.text).fmt(f)
    }
}

/// LibreChat's name of a user's role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role(Arc<str>);

impl Role {
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub fn name(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_whole_or_not_at_all_and_shown_cut() {
        let longest = "\u{e4}".repeat(LONGEST / 2);
        assert_eq!(Subject::new(&longest).whole(), Some(longest.as_str()));
        let too_long = Subject::new(&format!("{longest}b"));
        assert_eq!(too_long.whole(), None);
        assert_eq!(too_long.to_string().chars().count(), 81);
        assert_eq!(Subject::new("a\nb").to_string(), "a\\nb");
    }
}
