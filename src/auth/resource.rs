//! What a caller may be let in to: the guard is one, the answers differ.

/// The metric label `endpoint` and the log field of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    Metrics,
    /// `/auth`: what a proxy describes and then serves itself.
    ForwardAuth,
}

impl Resource {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::ForwardAuth => "auth",
        }
    }
}
