//! Types of values that several areas share: durations, flags, ports, numbers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration: a bare number is milliseconds, as the Node exporter has it; `30s`, `5m`, `1h` are accepted too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok().map(Duration::from_millis)
        } else {
            humantime::parse_duration(text).ok()
        };
        span.map(Self).ok_or("must be a duration: a number of milliseconds, or like 30s, 5m, 1h")
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A duration of which a bare number says nothing: elsewhere its unit is the second, here it would be the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct UnitSpan(pub Duration);

impl FromStr for UnitSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && text.bytes().any(|byte| byte != b'0') {
            return Err(format!("needs a unit: {text} would be {text} ms: write {text}s or {text}ms"));
        }
        text.parse::<Span>()
            .map(|span| Self(span.0))
            .map_err(|_| "must be a duration like 30s, 5m, 1h".into())
    }
}

/// `true` or `false`, in any case, and the words that others have for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl FromStr for Flag {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err("must be true or false"),
        }
    }
}

/// A port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u16);

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if super::names::is_service_link(text) {
            return Err(
                "holds a Kubernetes service link, not a port: a Service in this namespace has the name that \
                        this variable begins with; set enableServiceLinks: false in the pod, rename the Service, or \
                        use the name with the prefix LIBRECHAT_EXPORTER_",
            );
        }
        match number(text, 1, 65_535).and_then(|port| u16::try_from(port).ok()) {
            Some(port) => Ok(Self(port)),
            None => Err("must be a port: a whole number from 1 to 65535"),
        }
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> FromStr for Whole<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text, MIN, MAX).map(Self).ok_or_else(|| format!("must be a whole number from {MIN} to {MAX}"))
    }
}

/// Digits only: the standard parser takes `+5`, which no operator means.
fn number(text: &str, min: u32, max: u32) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (min..=max).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_milliseconds_unless_they_have_a_unit() {
        let cases = [
            ("30000", Some(30_000)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("250ms", Some(250)),
            ("0", Some(0)),
            ("-1", None),
            ("1e3", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, millis) in cases {
            assert_eq!(
                text.parse().ok(),
                millis.map(|millis| Span(Duration::from_millis(millis))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a13_a_bare_number_is_refused_where_seconds_are_the_habit() {
        let span = |text: &str| text.parse::<UnitSpan>().map(|span| span.0.as_millis());
        assert_eq!(
            (span("60s"), span("60ms"), span("1h"), span("0")),
            (Ok(60_000), Ok(60), Ok(3_600_000), Ok(0))
        );
        assert_eq!(span("60").unwrap_err(), "needs a unit: 60 would be 60 ms: write 60s or 60ms");
        for text in ["", "-1", "1.5", "soon"] {
            assert!(span(text).unwrap_err().starts_with("must be"), "{text}");
        }
    }

    #[test]
    fn ports_and_numbers_are_plain_digits_in_range() {
        for text in ["0", "70000", "abc", "-1", "+80", "80.0", "1e3", ""] {
            assert!(text.parse::<Port>().is_err(), "{text:?}");
        }
        assert_eq!("9087".parse(), Ok(Port(9087)));
        assert!("tcp://10.0.0.1:9090".parse::<Port>().unwrap_err().contains("service link"));
        assert!("5".parse::<Whole<1, 4>>().is_err());
    }

    #[test]
    fn flags_are_true_or_false_in_any_case() {
        assert_eq!(("TRUE".parse(), "False".parse()), (Ok(Flag(true)), Ok(Flag(false))));
        for (text, on) in
            [("1", true), ("0", false), ("Yes", true), ("NO", false), ("on", true), ("Off", false)]
        {
            assert_eq!(text.parse(), Ok(Flag(on)), "{text}");
        }
        for text in ["", "2", "y", "enabled", "tru", "-1"] {
            assert!(text.parse::<Flag>().is_err(), "{text}");
        }
    }
}
