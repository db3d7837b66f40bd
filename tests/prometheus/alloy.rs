//! Alloy's files. Alloy itself is not run. Its syntax is near enough to HCL that a parser of HCL reads the files once the
//! dots are out of the names of components; the names of arguments and blocks are held against those of Alloy's reference
//! of `prometheus.scrape` and `prometheus.remote_write`.

use std::collections::{BTreeMap, BTreeSet};

use hcl::{Block, Body, Structure};

use crate::{files, read};

/// What a block may hold, by its path: arguments, which of them it must have, and blocks. Of what the reference lists,
/// what the files use.
struct Known {
    arguments: &'static [&'static str],
    required: &'static [&'static str],
    blocks: &'static [&'static str],
}

fn known(path: &str) -> Option<Known> {
    let of = |arguments, required, blocks| Some(Known { arguments, required, blocks });
    match path {
        "prometheus.scrape" => of(
            &["job_name", "scrape_interval", "scheme", "metrics_path"],
            &["targets", "forward_to"],
            &["authorization", "basic_auth", "oauth2", "tls_config"],
        ),
        "prometheus.scrape/authorization" => of(&["credentials_file", "type"], &[], &[]),
        "prometheus.scrape/basic_auth" => of(&["username", "password_file"], &[], &[]),
        "prometheus.scrape/oauth2" => of(
            &["client_secret_file", "scopes", "endpoint_params"],
            &["client_id", "token_url"],
            &["tls_config"],
        ),
        "prometheus.scrape/tls_config" => of(&["ca_file", "cert_file", "key_file", "server_name"], &[], &[]),
        "prometheus.remote_write" => of(&["external_labels"], &[], &["endpoint"]),
        "prometheus.remote_write/endpoint" => of(&["name"], &["url"], &["basic_auth"]),
        _ => None,
    }
}

/// Holds the body of the block at `path` against what is known of it.
fn check(path: &str, body: &Body) -> Result<(), String> {
    let known = known(path).ok_or_else(|| format!("{path} is not in the reference"))?;
    let mut given = BTreeSet::new();
    for structure in body.iter() {
        match structure {
            Structure::Attribute(attribute) => {
                let name = attribute.key.as_str();
                if !known.arguments.contains(&name) && !known.required.contains(&name) {
                    return Err(format!("{path} has no argument {name}"));
                }
                if !given.insert(name) {
                    return Err(format!("{path}: {name} is given twice"));
                }
            }
            Structure::Block(block) => {
                let name = block.identifier.as_str();
                if !known.blocks.contains(&name) || !block.labels.is_empty() {
                    return Err(format!("{path} has no block {name}"));
                }
                check(&format!("{path}/{name}"), &block.body)?;
            }
        }
    }
    let ways = body
        .blocks()
        .filter(|block| ["authorization", "basic_auth", "oauth2"].contains(&block.identifier.as_str()));
    if ways.count() > 1 {
        return Err(format!("{path}: more than one way in"));
    }
    match known.required.iter().find(|name| !given.contains(**name)) {
        Some(missing) => Err(format!("{path} lacks {missing}")),
        None => Ok(()),
    }
}

/// `prometheus.scrape "a" {` as HCL would have it: `prometheus__scrape "a" {`.
fn as_hcl(text: &str) -> Result<String, String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let code = line.split(" //").next().unwrap_or_default();
        if code.contains('#') || code.contains("<<") || code.contains('\'') {
            return Err(format!("HCL, but not Alloy: {line}"));
        }
        let begins_a_component = line.starts_with(|letter: char| letter.is_ascii_lowercase());
        lines.push(if begins_a_component { line.replacen('.', "__", 1) } else { line.to_owned() });
    }
    Ok(lines.join("\n") + "\n")
}

/// The components of a file, checked, by their names as other components refer to them.
fn components(text: &str) -> Result<BTreeMap<String, Block>, String> {
    let body: Body = hcl::parse(&as_hcl(text)?).map_err(|error| error.to_string())?;
    if body.attributes().next().is_some() {
        return Err("an argument outside of all components".to_owned());
    }
    let mut components = BTreeMap::new();
    for block in body.blocks() {
        let kind = block.identifier.as_str().replace("__", ".");
        let [label] = block.labels.as_slice() else { return Err(format!("{kind} needs one label")) };
        check(&kind, &block.body)?;
        components.insert(format!("{kind}.{}", label.as_str()), block.clone());
    }
    for block in components.values() {
        let receivers = block.body.attributes().filter(|attribute| attribute.key.as_str() == "forward_to");
        for receiver in receivers.map(|attribute| attribute.expr.to_string()) {
            let name = receiver.trim_matches(|letter| "[]\n ".contains(letter)).trim_end_matches(".receiver");
            if !components.contains_key(name) {
                return Err(format!("nothing is called {receiver}"));
            }
        }
    }
    Ok(components)
}

#[test]
fn alloys_files_parse_and_use_arguments_of_the_reference() {
    let mut blocks = BTreeSet::new();
    for path in files("prometheus/alloy", "alloy") {
        let text = read(&path);
        let components = components(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let names: Vec<_> = components.keys().map(String::as_str).collect();
        assert_eq!(names, ["prometheus.remote_write.default", "prometheus.scrape.librechat"], "{path}");
        let scrape = &components["prometheus.scrape.librechat"].body;
        // The alerts go by it.
        assert!(scrape.attributes().any(
            |found| found.key.as_str() == "job_name" && found.expr == hcl::Expression::from("librechat")
        ));
        blocks.extend(scrape.blocks().map(|block| block.identifier.as_str().to_owned()));
    }
    let all = ["authorization", "basic_auth", "oauth2", "tls_config"].map(ToOwned::to_owned);
    assert_eq!(blocks, BTreeSet::from(all));
}

#[test]
fn mistakes_in_alloys_files_are_found() {
    let right = read("prometheus/alloy/bearer.alloy");
    components(&right).unwrap();
    for (from, to) in [
        ("credentials_file", "credential_file"),
        ("authorization {", "authorisation {"),
        ("prometheus.scrape \"librechat\"", "prometheus.scrape"),
        ("prometheus.scrape \"librechat\"", "prometheus.scraper \"librechat\""),
        ("default.receiver", "another.receiver"),
        ("    url = ", "    # url = "),
        ("    url = ", "    name = "),
        ("  authorization {", "  basic_auth {\n  }\n  authorization {"),
        ("type             =", "type"),
        ("  }\n}", "  }"),
    ] {
        assert!(right.contains(from), "{from}");
        components(&right.replacen(from, to, 1)).expect_err(to);
    }
}
