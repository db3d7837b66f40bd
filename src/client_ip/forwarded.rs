//! The `Forwarded` header (RFC 7239): of whom each hop was asked.
//!
//! A line is split from its right end too, quotes included, so that nothing a client sent (a quote left open, say) can
//! change how the elements that proxies added after it are read.

use std::borrow::Cow;
use std::net::IpAddr;

use super::hop;

/// The hops of one line, the last first; `None` is one that names no address (`unknown`, `_hidden`, no `for`) or that
/// breaks the grammar. Empty elements are none.
pub fn from_the_right(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let elements = Elements(Some(line)).map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty()).map(|element| {
        let node = node(str::from_utf8(element).ok()?)?;
        hop::parse(without_hidden_port(&node))
    })
}

/// What stands between the commas that no quotes hold, the last first.
struct Elements<'l>(Option<&'l [u8]>);

impl<'l> Iterator for Elements<'l> {
    type Item = &'l [u8];

    fn next(&mut self) -> Option<&'l [u8]> {
        let line = self.0?;
        let mut quoted = false;
        for (index, byte) in line.iter().enumerate().rev() {
            let (before, from) = line.split_at(index);
            match byte {
                b'"' if !is_escaped(before) => quoted = !quoted,
                b',' if !quoted => {
                    self.0 = Some(before);
                    return from.get(1..);
                }
                _ => {}
            }
        }
        self.0.take()
    }
}

/// Whether what follows `before` is the second half of a quoted pair.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The value of `for`, which may occur once (RFC 7239 section 4).
fn node(element: &str) -> Option<Cow<'_, str>> {
    let mut node = None;
    let mut rest = element;
    loop {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        if rest.is_empty() {
            return node;
        }
        let (name, text) = rest.split_once('=').filter(|(name, _)| is_token(name))?;
        let (value, after) = value(text)?;
        if name.eq_ignore_ascii_case("for") && node.replace(value).is_some() {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(';') {
            return None;
        }
    }
}

/// A token or a quoted string, and what follows it. Colons and brackets are borne outside quotes, where many forget
/// them.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, after) = text.split_at(text.find([';', ' ', '\t']).unwrap_or(text.len()));
        return (!token.is_empty() && !token.contains('"')).then_some((token.into(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value.into(), characters.as_str())),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

/// A port may be obfuscated (RFC 7239 section 6.3), which hides nothing of the address.
fn without_hidden_port(node: &str) -> &str {
    let is_hidden =
        |port: &str| port.strip_prefix('_').is_some_and(|name| !name.is_empty() && is_token(name));
    match node.rsplit_once(':') {
        Some((address, port)) if is_hidden(port) && (address.ends_with(']') || !address.contains(':')) => {
            address
        }
        _ => node,
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<String> {
        let shown = |hop: Option<IpAddr>| hop.map_or("garbage".to_owned(), |ip| ip.to_string());
        from_the_right(line.as_bytes()).map(shown).collect()
    }

    #[test]
    fn names_the_address_of_each_hop_from_the_right() {
        let cases: [(&str, &[&str]); 19] = [
            ("", &[]),
            (" , ,", &[]),
            ("for=10.1.1.1", &["10.1.1.1"]),
            ("FoR=10.1.1.1;Proto=https;by=203.0.113.43", &["10.1.1.1"]),
            ("proto=https ; for=10.1.1.1;", &["10.1.1.1"]),
            ("for=10.1.1.1, for=8.8.8.8,,", &["8.8.8.8", "10.1.1.1"]),
            (r#"for="[2001:db8::1]:4711";proto=https, for=8.8.8.8"#, &["8.8.8.8", "2001:db8::1"]),
            (r#"for="10.1.1.1:80""#, &["10.1.1.1"]),
            (r#"for="10.1.1.1:_http""#, &["10.1.1.1"]),
            (r#"for="[2001:db8::1]:_a-b""#, &["2001:db8::1"]),
            ("for=[2001:db8::1]:80", &["2001:db8::1"]),
            (r#"for="::ffff:10.1.1.1""#, &["10.1.1.1"]),
            (r#"for="1\0.1.\1.1""#, &["10.1.1.1"]),
            (r#"host="a, b;for=1.1.1.1";for=10.1.1.1"#, &["10.1.1.1"]),
            (r#"host="a\", for=1.1.1.1";for=10.1.1.1"#, &["10.1.1.1"]),
            (r#"host="a\\", for=10.1.1.1"#, &["10.1.1.1", "garbage"]),
            ("for=unknown, for=_hidden, for=_", &["garbage", "garbage", "garbage"]),
            ("for=10.1.1.1, proto=https", &["garbage", "10.1.1.1"]),
            ("for=10.1.1.1;for=10.1.1.1", &["garbage"]),
        ];
        for (line, expected) in cases {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn what_breaks_the_grammar_is_no_address() {
        let elements = [
            "10.1.1.1",
            "for",
            "for=",
            "for =10.1.1.1",
            "for= 10.1.1.1",
            "secure;for=10.1.1.1",
            "=x;for=10.1.1.1",
            "for=10.1.1.1 x",
            r#"for="10.1.1.1"x"#,
            r#"for=10.1.1.1""#,
            r#"for="10.1.1.1"#,
            r#"for="10.1.1.1\""#,
            r#"for="""#,
            r#"for="10.1.1.1:80:_a""#,
            r#"for="10.1.1.1:_""#,
            "for=10.1.1.1;\u{e4}=x",
            ";",
        ];
        for element in elements {
            assert_eq!(read(element), ["garbage"], "{element}");
        }
        assert_eq!(from_the_right(b"for=10.1.1.1;x=\xe4").collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn nothing_a_client_sends_changes_how_what_a_proxy_adds_is_read() {
        let sent = [
            r#"for=""#,
            r#"for="a"#,
            r#"for="\"#,
            r#"for="\""#,
            r#"""#,
            r#"""""#,
            r#"\"#,
            "for=1.1.1.1;",
            ";",
            "=",
        ];
        for sent in sent {
            for added in ["for=8.8.8.8", r#"for="8.8.8.8:80";proto=http"#, r#"proto="a,b";for=8.8.8.8"#] {
                assert_eq!(read(&format!("{sent}, {added}")).first().unwrap(), "8.8.8.8", "{sent}, {added}");
            }
        }
    }
}
