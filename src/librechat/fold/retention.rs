//! Who registered lately, and who of the others stayed.
//!
//! The Node exporter divides all active users by the old ones, which can come to more than 100 percent; here only the
//! old ones count on both sides.

use std::collections::HashMap;

use super::{Fold, count, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::{Scope, Window};

static NEW: Family<0> =
    Family::gauge("librechat_new_users_30d", [], "Number of users registered in the last 30 days");
static WEEK: Family<0> = Family::gauge(
    "librechat_user_retention_d7_percent",
    [],
    "Percentage of the users registered at least 7 days ago who were active in the last 7 days",
);
static MONTH: Family<0> = Family::gauge(
    "librechat_user_retention_d30_percent",
    [],
    "Percentage of the users registered at least 30 days ago who were active in the last 30 days",
);

/// When each user registered.
#[derive(Clone, Debug, Default)]
pub struct Retention(HashMap<Id, Moment>);

impl Fold for Retention {
    const FAMILIES: &'static [Description] = &[NEW.describe(), WEEK.describe(), MONTH.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        if let Record::User(user) = record
            && let (Some(id), Some(created)) = (&user.id, user.created)
        {
            self.0.insert(id.clone(), created);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(id, created)| (id.clone(), *created)));
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let month = scope.span(Window::Month);
        samples.push(&NEW, [], count(self.0.values().filter(|created| month.contains(**created)).count()));
        for (family, window) in [(&WEEK, Window::Week), (&MONTH, Window::Month)] {
            let from = scope.start(window);
            let is_old = |id: &Id| self.0.get(id).is_some_and(|created| *created <= from);
            let active = scope.presence.since(from).map(|(user, _)| user);
            let stayed = active.filter(|user| scope.recent.user(Some(*user)).is_some_and(is_old));
            let old = self.0.values().filter(|created| **created <= from).count();
            samples.push(family, [], percent(count(stayed.count()), count(old)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::recent::DAY;
    use crate::librechat::record::{Message, User};

    #[test]
    fn only_those_who_were_there_before_the_window_can_have_stayed() {
        let user = |id: &str, days: i64| {
            let created = Some(Moment(-days * DAY));
            Record::User(User { id: Some(Id::from(id)), created, ..User::default() })
        };
        let message = |id: &str, days: i64| {
            let created = Some(Moment(-days * DAY));
            Record::Message(Message { user: Some(Id::from(id)), created, ..Message::default() })
        };
        let records = [
            user("old", 30),
            user("silent", 100),
            user("week", 7),
            user("new", 1),
            message("old", 7),
            message("old", 1),
            message("new", 1),
            message("gone", 1),
        ];
        assert_eq!(
            lines::<Retention>(&records, &[], 0),
            [
                "librechat_new_users_30d 3",
                "librechat_user_retention_d30_percent 50",
                "librechat_user_retention_d7_percent 33.33333333333333",
            ]
        );
    }
}
