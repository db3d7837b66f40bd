//! What is shown to others: banners and shared links.

use super::{Fold, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::{Banner, Moment, Record};
use crate::librechat::scope::{Scope, Window};

static ACTIVE: Family<0> =
    Family::gauge("librechat_active_banner_count", [], "Number of banners that are shown now");
static SHARED: Family<0> =
    Family::gauge("librechat_shared_link_count_24h", [], "Number of shared links made in the last 24 hours");

#[derive(Clone, Debug, Default)]
pub struct Banners {
    banners: Vec<Banner>,
    links: Vec<Moment>,
}

impl Fold for Banners {
    const FAMILIES: &'static [Description] = &[ACTIVE.describe(), SHARED.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::Banner(banner) => self.banners.push(*banner),
            Record::SharedLink(link) => self.links.extend(link.created),
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.banners.extend(&other.banners);
        self.links.extend(&other.links);
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let active = self.banners.iter().filter(|banner| {
            banner.from.is_some_and(|from| from <= scope.at) && banner.to.is_none_or(|to| to >= scope.at)
        });
        samples.push(&ACTIVE, [], count(active.count()));
        let day = scope.span(Window::Day);
        samples.push(&SHARED, [], count(self.links.iter().filter(|at| day.contains(**at)).count()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;

    #[test]
    fn a_banner_is_shown_from_its_begin_to_its_end_or_without_end() {
        let banner = |from: Option<i64>, to: Option<i64>| {
            let [from, to] = [from, to].map(|at| at.map(Moment));
            Record::Banner(Banner { from, to })
        };
        let records = [
            banner(Some(5), Some(5)),
            banner(Some(1), None),
            banner(Some(6), None),
            banner(Some(1), Some(4)),
            banner(None, None),
        ];
        assert_eq!(
            lines::<Banners>(&records, &[], 5),
            ["librechat_active_banner_count 2", "librechat_shared_link_count_24h 0"]
        );
    }
}
