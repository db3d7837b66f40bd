//! What users think of the answers of the last 30 days.

use std::collections::BTreeMap;

use super::{Fold, count, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::numbered::ByNumber;
use crate::librechat::record::{Answerer, Rating, Record};
use crate::librechat::scope::{Scope, Window};

static UP_BY_MODEL: Family<1> = Family::gauge(
    "librechat_feedback_thumbs_up_percent_by_model_30d",
    ["model"],
    "Percentage of a model's answers of the last 30 days with a thumbs up",
);
static DOWN_BY_MODEL: Family<1> = Family::gauge(
    "librechat_feedback_thumbs_down_percent_by_model_30d",
    ["model"],
    "Percentage of a model's answers of the last 30 days with a thumbs down",
);
static NET_BY_MODEL: Family<1> = Family::gauge(
    "librechat_net_satisfaction_by_model_30d",
    ["model"],
    "Thumbs up less thumbs down in percent of a model's answers of the last 30 days",
);
static UP_BY_AGENT: Family<1> = Family::gauge(
    "librechat_feedback_thumbs_up_percent_by_agent_30d",
    ["agent"],
    "Percentage of an agent's answers of the last 30 days with a thumbs up",
);
static DOWN_BY_AGENT: Family<1> = Family::gauge(
    "librechat_feedback_thumbs_down_percent_by_agent_30d",
    ["agent"],
    "Percentage of an agent's answers of the last 30 days with a thumbs down",
);
static NET_BY_AGENT: Family<1> = Family::gauge(
    "librechat_net_satisfaction_by_agent_30d",
    ["agent"],
    "Thumbs up less thumbs down in percent of an agent's answers of the last 30 days",
);
static ENGAGEMENT: Family<0> = Family::gauge(
    "librechat_feedback_engagement_rate_30d",
    [],
    "Percentage of the answers of the last 30 days that were rated",
);
static BY_DOMAIN: Family<2> = Family::gauge(
    "librechat_feedback_count_by_domain_30d",
    ["email_domain", "rating"],
    "Number of ratings of messages of the last 30 days, by the user's email domain and rating",
);

/// Has nothing of its own: the recent past tells it all.
#[derive(Clone, Debug, Default)]
pub struct Satisfaction;

#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    answers: f64,
    up: f64,
    down: f64,
}

impl Votes {
    fn add(&mut self, rating: Option<Rating>) {
        self.answers += 1.0;
        match rating {
            Some(Rating::ThumbsUp) => self.up += 1.0,
            Some(Rating::ThumbsDown) => self.down += 1.0,
            None => {}
        }
    }

    fn merge(&mut self, other: Self) {
        self.answers += other.answers;
        self.up += other.up;
        self.down += other.down;
    }

    fn export(self, label: &str, families: [&'static Family<1>; 3], samples: &mut Samples) {
        let [up, down, net] = families;
        samples.push_mean(up, [label], self.up * 100.0, self.answers);
        samples.push_mean(down, [label], self.down * 100.0, self.answers);
        samples.push_mean(net, [label], (self.up - self.down) * 100.0, self.answers);
    }
}

impl Fold for Satisfaction {
    const FAMILIES: &'static [Description] = &[
        UP_BY_MODEL.describe(),
        DOWN_BY_MODEL.describe(),
        NET_BY_MODEL.describe(),
        UP_BY_AGENT.describe(),
        DOWN_BY_AGENT.describe(),
        NET_BY_AGENT.describe(),
        ENGAGEMENT.describe(),
        BY_DOMAIN.describe(),
    ];

    fn absorb(&mut self, _record: &Record<'_>) {}

    fn merge(&mut self, _other: &Self) {}

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let mut votes: ByNumber<Votes> = ByNumber::default();
        let mut rated = [(Rating::ThumbsUp, Vec::new()), (Rating::ThumbsDown, Vec::new())];
        scope.recent.turns(scope.span(Window::Month)).for_each(|turn| {
            let users = rated.iter_mut().find(|(rating, _)| turn.rating == Some(*rating));
            users.into_iter().for_each(|(_, users)| users.push(turn.user));
            if let Some(model) = turn.model.filter(|_| turn.is_answer) {
                votes.update(model, |votes| votes.add(turn.rating));
            }
        });
        for (rating, users) in rated {
            for (domain, ratings) in scope.by_domain(users.into_iter()) {
                samples.push(&BY_DOMAIN, [domain, rating.label()], count(ratings));
            }
        }
        let (mut models, mut agents) = (BTreeMap::new(), BTreeMap::new());
        let mut all = Votes::default();
        for (model, votes) in votes.iter().filter(|(_, votes)| votes.answers > 0.0) {
            all.merge(*votes);
            let of_label: &mut Votes = match Answerer::of(scope.recent.name(model)) {
                Answerer::Model(model) => models.entry(model).or_default(),
                Answerer::Agent(id) => agents.entry(scope.agent(id)).or_default(),
                Answerer::Assistant(_) => continue,
            };
            of_label.merge(*votes);
        }
        samples.push(&ENGAGEMENT, [], percent(all.up + all.down, all.answers));
        for (model, votes) in models {
            votes.export(model, [&UP_BY_MODEL, &DOWN_BY_MODEL, &NET_BY_MODEL], samples);
        }
        for (agent, votes) in agents {
            votes.export(agent, [&UP_BY_AGENT, &DOWN_BY_AGENT, &NET_BY_AGENT], samples);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::{Feedback, Message, Moment};

    #[test]
    fn only_answers_count_and_assistants_have_no_figure_of_their_own() {
        let message = |model: &'static str, rating: Option<Rating>, is_from_user: Option<bool>| {
            Record::Message(Message {
                created: Some(Moment(0)),
                model: Some(model.into()),
                feedback: rating.map(|rating| Feedback { rating, tag: None }),
                is_from_user,
                ..Message::default()
            })
        };
        let records = [
            message("m", Some(Rating::ThumbsUp), Some(false)),
            message("m", None, Some(false)),
            message("agent_a", Some(Rating::ThumbsDown), Some(false)),
            message("asst_a", None, Some(false)),
            message("m", Some(Rating::ThumbsDown), Some(true)),
            message("m", None, None),
        ];
        assert_eq!(
            lines::<Satisfaction>(&records, &[], 0),
            [
                r#"librechat_feedback_count_by_domain_30d{email_domain="unknown",rating="thumbsDown"} 2"#,
                r#"librechat_feedback_count_by_domain_30d{email_domain="unknown",rating="thumbsUp"} 1"#,
                "librechat_feedback_engagement_rate_30d 50",
                r#"librechat_feedback_thumbs_down_percent_by_agent_30d{agent="agent_a"} 100"#,
                r#"librechat_feedback_thumbs_down_percent_by_model_30d{model="m"} 0"#,
                r#"librechat_feedback_thumbs_up_percent_by_agent_30d{agent="agent_a"} 0"#,
                r#"librechat_feedback_thumbs_up_percent_by_model_30d{model="m"} 50"#,
                r#"librechat_net_satisfaction_by_agent_30d{agent="agent_a"} -100"#,
                r#"librechat_net_satisfaction_by_model_30d{model="m"} 50"#,
            ]
        );
    }
}
