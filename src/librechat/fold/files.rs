//! Files that users have uploaded or that were made for them.

use std::collections::BTreeMap;

use super::users::merge;
use super::{Fold, count, percentile};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::{Names, Scope, UNKNOWN, Window};

static TOTAL: Family<0> = Family::gauge("librechat_file_total_bytes", [], "Size of all files in bytes");
static MEAN: Family<0> = Family::gauge("librechat_file_avg_bytes", [], "Mean size of a file in bytes");
static P50: Family<0> = Family::gauge("librechat_file_size_p50_bytes", [], "Median size of a file in bytes");
static P95: Family<0> =
    Family::gauge("librechat_file_size_p95_bytes", [], "95th percentile of the size of a file in bytes");
static DAY: Family<0> =
    Family::gauge("librechat_file_upload_count_24h", [], "Number of files made in the last 24 hours");
static WEEK: Family<0> =
    Family::gauge("librechat_file_upload_count_7d", [], "Number of files made in the last 7 days");
static BY_TYPE: Family<1> =
    Family::gauge("librechat_file_count_by_type", ["type"], "Number of files by MIME type");
static BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_file_bytes_by_user_domain",
    ["email_domain"],
    "Size of all files in bytes by the user's email domain",
);

#[derive(Clone, Debug, Default)]
pub struct Files {
    sizes: Vec<f64>,
    made: Vec<Moment>,
    by_type: BTreeMap<String, f64>,
    by_user: BTreeMap<Option<Id>, f64>,
}

impl Fold for Files {
    const FAMILIES: &'static [Description] = &[
        TOTAL.describe(),
        MEAN.describe(),
        P50.describe(),
        P95.describe(),
        DAY.describe(),
        WEEK.describe(),
        BY_TYPE.describe(),
        BY_DOMAIN.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::File(file) = record else { return };
        self.sizes.extend(file.bytes);
        self.made.extend(file.created);
        let kind = file.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or(UNKNOWN);
        *self.by_type.entry(kind.to_owned()).or_default() += 1.0;
        *self.by_user.entry(file.user.clone()).or_default() += file.bytes.unwrap_or_default();
    }

    fn merge(&mut self, other: &Self) {
        self.sizes.extend(&other.sizes);
        self.made.extend(&other.made);
        merge(&mut self.by_type, &other.by_type);
        for (user, bytes) in &other.by_user {
            *self.by_user.entry(user.clone()).or_default() += bytes;
        }
    }

    fn compact(&mut self) {
        self.sizes.shrink_to_fit();
        self.made.shrink_to_fit();
    }

    fn export_totals(&self, names: &Names<'_>, samples: &mut Samples) {
        let mut sorted = self.sizes.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let total = sorted.iter().fold(0.0, |sum, bytes| sum + bytes);
        samples.push(&TOTAL, [], total);
        samples.push_mean(&MEAN, [], total, count(sorted.len()));
        for (family, percent) in [(&P50, 50), (&P95, 95)] {
            percentile(&sorted, percent).into_iter().for_each(|bytes| samples.push(family, [], bytes));
        }
        self.by_type.iter().for_each(|(kind, number)| samples.push(&BY_TYPE, [kind], *number));
        for (user, bytes) in &self.by_user {
            samples.push(&BY_DOMAIN, [names.domain(user.as_ref())], *bytes);
        }
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        for (family, window) in [(&DAY, Window::Day), (&WEEK, Window::Week)] {
            let span = scope.span(window);
            samples.push(family, [], count(self.made.iter().filter(|at| span.contains(**at)).count()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::File;

    #[test]
    fn percentiles_are_sizes_that_occur_and_a_file_without_a_size_has_none() {
        let file = |bytes: Option<f64>| {
            let kind = bytes.map(|_| "a/b".into());
            Record::File(File { bytes, kind, created: Some(Moment(0)), ..File::default() })
        };
        let mut records: Vec<_> = (1..=20).map(|size| file(Some(f64::from(size)))).collect();
        records.push(file(None));
        assert_eq!(
            lines::<Files>(&records, &[], 0),
            [
                "librechat_file_avg_bytes 10.5",
                r#"librechat_file_bytes_by_user_domain{email_domain="unknown"} 210"#,
                r#"librechat_file_count_by_type{type="a/b"} 20"#,
                r#"librechat_file_count_by_type{type="unknown"} 1"#,
                "librechat_file_size_p50_bytes 10",
                "librechat_file_size_p95_bytes 19",
                "librechat_file_total_bytes 210",
                "librechat_file_upload_count_24h 21",
                "librechat_file_upload_count_7d 21",
            ]
        );
    }
}
