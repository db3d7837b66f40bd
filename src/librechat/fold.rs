//! Folds: records in, figures out.
//!
//! A fold absorbs records in any order, merges with another of its kind, and exports its figures as of an instant. It
//! has no clock and does no I/O: whatever it is fed twice it counts twice, so its callers feed it each record once.
//!
//! To add a metric: a [`Family`](crate::exposition::family::Family) in the fold that has its figures, and a line in that
//! fold's `export`, or in `export_totals` where it does not depend on the time. To add a fold: a file below `fold/`, and a
//! line in the list at the end of this one.

pub mod activity;
pub mod agents;
pub mod balances;
pub mod banners;
pub mod census;
pub mod conversations;
pub mod cost;
pub mod counts;
pub mod facets;
pub mod failures;
pub mod feedback;
pub mod files;
pub mod mcp;
pub mod messages;
pub mod models;
pub mod prompt_cache;
pub mod prompts;
pub mod queues;
pub mod readable;
pub mod retention;
pub mod satisfaction;
pub mod sessions;
pub mod tags;
pub mod tokens;
pub mod tool_calls;
pub mod traffic;
pub mod unique_users;
pub mod users;
pub mod violations;
pub mod web_search;
pub mod windows;

use std::sync::OnceLock;

use super::numbered::ByNumber;
use super::recent::Recent;
use super::record::{Moment, Record};
use super::scope::{Directory, Member, Names, Options, Scope};
use crate::exposition::cap::cap;
use crate::exposition::family::Description;
use crate::exposition::samples::Samples;

/// One group of figures.
pub trait Fold: Clone + Default {
    /// Every family that it may add samples to.
    const FAMILIES: &'static [Description];

    fn absorb(&mut self, record: &Record<'_>);

    /// Takes in what another fold absorbed: the same as absorbing its records.
    fn merge(&mut self, other: &Self);

    /// Gives back room that nothing needs once enough was absorbed.
    fn compact(&mut self) {}

    /// Figures over all time: they stay as they are until something is absorbed, and are not made anew at each refresh.
    fn export_totals(&self, names: &Names<'_>, samples: &mut Samples) {
        let _ = (names, samples);
    }

    /// Figures that depend on the instant.
    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let _ = (scope, samples);
    }
}

/// A mean, or nothing when there is nothing to take it of: absent is honest, zero is a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    pub sum: f64,
    pub count: f64,
}

impl Mean {
    pub fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    pub fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// Not a number, and so left out, when nothing was added.
    pub fn value(self) -> f64 {
        self.sum / self.count
    }
}

/// A count as Prometheus has it.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub const fn count(number: usize) -> f64 {
    number as f64
}

/// The value at or below which `percent` of the sorted values are: the one of the nearest rank, never between two.
pub fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Percent, 0 when the denominator is 0.
pub fn percent(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole * 100.0 }
}

/// What stays as it is until something is absorbed.
#[derive(Clone, Debug)]
struct Lasting {
    /// Figures over all time.
    totals: Samples,
    /// The users of the recent past.
    members: ByNumber<Member>,
}

macro_rules! folds {
    ($($field:ident: $fold:ty,)+) => {
        /// Every fold there is, and what their exports share.
        #[derive(Clone, Debug)]
        pub struct Folds {
            options: Options,
            directory: Directory,
            recent: Recent,
            $($field: $fold,)+
            /// Of what was absorbed by now, once it was asked for.
            lasting: OnceLock<Lasting>,
        }

        impl Folds {
            /// Folds that keep the single happenings since `horizon`: 30 days before the first export.
            pub fn new(options: &Options, horizon: Moment) -> Self {
                Self {
                    options: options.clone(),
                    directory: Directory::new(options),
                    recent: Recent::since(horizon, &options.calendar),
                    $($field: Default::default(),)+
                    lasting: OnceLock::new(),
                }
            }

            /// Every family, in the order of the folds.
            pub fn families() -> impl Iterator<Item = Description> {
                [$(<$fold>::FAMILIES),+].into_iter().flatten().copied()
            }

            pub fn absorb(&mut self, record: &Record<'_>) {
                self.lasting.take();
                self.directory.absorb(record);
                self.recent.absorb(record);
                $(self.$field.absorb(record);)+
            }

            /// Gives back room that nothing needs once enough was absorbed.
            pub fn compact(&mut self) {
                self.recent.compact();
                $(self.$field.compact();)+
            }

            /// Lets go of single happenings from before `horizon`.
            pub fn forget(&mut self, horizon: Moment) {
                self.lasting.take();
                self.recent.forget(horizon);
            }

            /// Takes in what another absorbed.
            pub fn merge(&mut self, other: &Self) {
                self.lasting.take();
                self.directory.merge(&other.directory);
                self.recent.merge(&other.recent);
                $(self.$field.merge(&other.$field);)+
            }

            /// All figures as of `at`.
            pub fn export(&self, at: Moment) -> Samples {
                let Lasting { totals, members } = self.lasting.get_or_init(|| self.lasting());
                self.complete(totals.clone(), members, at)
            }

            /// The same of what nothing else will be asked of.
            pub fn into_samples(self, at: Moment) -> Samples {
                let Lasting { totals, members } = self.lasting();
                self.complete(totals, &members, at)
            }

            fn lasting(&self) -> Lasting {
                let names = self.names();
                let mut totals = Samples::default();
                Self::families().for_each(|family| totals.declare(family));
                $(self.$field.export_totals(&names, &mut totals);)+
                Lasting { totals, members: names.members(self.recent.users()) }
            }

            fn complete(&self, mut samples: Samples, members: &ByNumber<Member>, at: Moment) -> Samples {
                let scope = Scope::new(at, self.names(), &self.recent, members);
                $(self.$field.export(&scope, &mut samples);)+
                cap(&mut samples, self.options.max_label_values);
                samples
            }

            const fn names(&self) -> Names<'_> {
                Names { directory: &self.directory, options: &self.options }
            }
        }
    };
}

folds! {
    counts: counts::Counts,
    messages: messages::Messages,
    traffic: traffic::Traffic,
    failures: failures::Failures,
    feedback: feedback::FeedbackGiven,
    satisfaction: satisfaction::Satisfaction,
    models: models::Models,
    agents: agents::Agents,
    conversations: conversations::Conversations,
    tags: tags::Tags,
    users: users::Users,
    unique_users: unique_users::UniqueUsers,
    activity: activity::Activity,
    retention: retention::Retention,
    tokens: tokens::Tokens,
    cost: cost::Cost,
    balances: balances::Balances,
    prompt_cache: prompt_cache::PromptCache,
    files: files::Files,
    sessions: sessions::Sessions,
    prompts: prompts::Prompts,
    banners: banners::Banners,
    tool_calls: tool_calls::ToolCalls,
    mcp: mcp::Mcp,
    queues: queues::Queues,
    census: census::Census,
    facets: facets::Facets,
    web_search: web_search::WebSearch,
    violations: violations::Violations,
    windows: windows::Windows,
}

#[cfg(test)]
pub(crate) mod testing {
    //! What tests of folds share: feed records, read lines.

    use super::{Directory, Fold, Moment, Names, Options, Recent, Record, Samples, Scope};

    /// The lines that a fold exports for `records`, with `others` in the directory only. Absorbing all records in one
    /// fold and merging two that had half of them must come to the same.
    pub(crate) fn lines<F: Fold>(records: &[Record<'_>], others: &[Record<'_>], at: i64) -> Vec<String> {
        lines_with::<F>(&Options::default(), records, others, at)
    }

    /// The same with other options.
    pub(crate) fn lines_with<F: Fold>(
        options: &Options,
        records: &[Record<'_>],
        others: &[Record<'_>],
        at: i64,
    ) -> Vec<String> {
        let (mut directory, mut recent) =
            (Directory::new(options), Recent::since(Moment(i64::MIN), &options.calendar));
        others.iter().chain(records).for_each(|record| directory.absorb(record));
        records.iter().for_each(|record| recent.absorb(record));
        let names = Names { directory: &directory, options };
        let members = names.members(recent.users());
        let scope = Scope::new(Moment(at), names, &recent, &members);
        let fold = |records: &[Record<'_>]| {
            let mut fold = F::default();
            records.iter().for_each(|record| fold.absorb(record));
            fold
        };
        let render = |fold: &F| {
            let mut samples = Samples::default();
            fold.export_totals(&names, &mut samples);
            fold.export(&scope, &mut samples);
            samples.render()
        };
        let whole = render(&fold(records));
        let (left, right) = records.split_at(records.len() / 2);
        let mut merged = fold(left);
        merged.merge(&fold(right));
        assert_eq!(render(&merged), whole, "merging is not the same as absorbing");
        whole.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }
}
