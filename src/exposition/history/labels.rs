//! Labels that every series of a history gets, as a scrape would give them: `job`, `instance` and the like.

use std::collections::BTreeSet;

/// Labels by which histograms and summaries tell their parts.
const OF_PARTS: [&str; 2] = ["le", "quantile"];

/// Names with their values, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraLabels(Vec<(String, String)>);

impl ExtraLabels {
    /// Takes pairs of a name and a value; `taken` are the names of labels that families have.
    ///
    /// # Errors
    /// Which one Prometheus would refuse, and why.
    pub fn new(
        pairs: &[(String, String)],
        taken: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, String> {
        let taken: BTreeSet<&str> = taken.into_iter().chain(OF_PARTS).collect();
        let mut known = BTreeSet::new();
        for (name, value) in pairs {
            let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
            let is_name = name.bytes().next().is_some_and(is_letter)
                && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit());
            if !is_name {
                return Err(format!("{name:?} is no name of a label: letters, digits and _, no digit first"));
            }
            if name.starts_with("__") {
                return Err(format!("{name}: names that begin with __ are Prometheus' own"));
            }
            if taken.contains(name.as_str()) {
                return Err(format!("{name}: there are metrics that have this label already"));
            }
            if value.is_empty() {
                return Err(format!("{name} has no value, which to Prometheus is no label"));
            }
            if !known.insert(name) {
                return Err(format!("{name} is given twice"));
            }
        }
        Ok(Self(pairs.to_vec()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_prometheus_refuses_or_a_family_has_is_an_error() {
        let labels = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            ExtraLabels::new(&pairs, ["model", "window"])
        };
        for name in ["", "1job", "a-b", "a b", "a.b", "jöb", "__name__", "__job", "model", "window", "le"] {
            let said = labels(&[(name, "x")]).unwrap_err();
            assert!(said.contains(name), "{said}");
        }
        assert!(labels(&[("job", "")]).unwrap_err().contains("job"));
        assert!(labels(&[("job", "a"), ("_x1", "b"), ("job", "c")]).unwrap_err().contains("twice"));
        let good = labels(&[("job", "librechat"), ("_x1", "\"quoted\"\n")]).unwrap();
        assert!(good.has("job") && !good.has("instance"));
        assert_eq!(labels(&[]).unwrap(), ExtraLabels::default());
    }
}
