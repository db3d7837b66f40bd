//! What a report is broken down by.

use std::str::FromStr;

/// One label of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    User,
    Group,
    Domain,
    Model,
    Agent,
    Day,
}

impl Dimension {
    const ALL: [Self; 6] = [Self::User, Self::Group, Self::Domain, Self::Model, Self::Agent, Self::Day];

    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Domain => "domain",
            Self::Model => "model",
            Self::Agent => "agent",
            Self::Day => "day",
        }
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|dimension| dimension.name() == text);
        known.ok_or_else(|| format!("{text:?} is none of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// None, one or two different dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct By(Vec<Dimension>);

impl By {
    pub const MAX: usize = 2;

    /// # Errors
    /// More than two dimensions, or one of them twice.
    pub fn new(dimensions: Vec<Dimension>) -> Result<Self, String> {
        match &*dimensions {
            [first, second] if first == second => Err(format!("{} is there twice", first.name())),
            [] | [_] | [_, _] => Ok(Self(dimensions)),
            _ => Err(format!("a report has at most {} dimensions", Self::MAX)),
        }
    }

    pub fn dimensions(&self) -> &[Dimension] {
        &self.0
    }

    /// Whether messages are answers: only these have a model or an agent. Else they are questions, which have a user.
    pub fn is_of_answers(&self) -> bool {
        self.0.iter().any(|dimension| matches!(dimension, Dimension::Model | Dimension::Agent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_two_different_dimensions() {
        assert!(By::new(vec![]).is_ok());
        assert!(By::new(vec![Dimension::Day, Dimension::User]).is_ok());
        assert_eq!(By::new(vec![Dimension::Day, Dimension::Day]).unwrap_err(), "day is there twice");
        assert!(By::new(vec![Dimension::Day, Dimension::User, Dimension::Group]).is_err());
        let error = "users".parse::<Dimension>().unwrap_err();
        assert_eq!(error, r#""users" is none of user, group, domain, model, agent, day"#);
    }
}
