//! The objects for the Prometheus Operator. No cluster runs here; what stands in for one are the types and the patterns
//! generated of the operator's own definitions: TypeScript refuses a field that they do not have, their validator a value.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::prometheus::repository;
use crate::servers::fetched;

const MODELS: &str = "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

/// The objects of `prometheus/operator`, with the names of their files.
fn objects() -> Vec<(String, Value)> {
    let mut objects = Vec::new();
    for entry in fs::read_dir(repository("prometheus/operator")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let object = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap());
        objects.push((name.clone(), object.unwrap_or_else(|error| panic!("{name}: {error}"))));
    }
    objects
}

/// Holds objects against the operator's definitions of their kinds; `Err` is what is wrong.
fn check(objects: &[&Value]) -> Result<(), String> {
    let folder = TempDir::with_prefix("operator").unwrap();
    symlink(fetched("node-operator/node_modules"), folder.path().join("node_modules")).unwrap();
    let (mut typed, mut valid) = (String::new(), String::new());
    for (number, object) in objects.iter().enumerate() {
        let kind = object["kind"].as_str().ok_or("no kind")?;
        let name = format!("{kind}{number}");
        typed += &format!("import type {{I{kind} as {name}}} from '{MODELS}/{kind}';\n");
        typed += &format!("export const o{number}: {name} = {object};\n");
        valid += &format!(
            "import {{{kind} as {name}}} from '{MODELS}/{kind}';\nnew {name}({object}).validate();\n"
        );
    }
    fs::write(folder.path().join("typed.mts"), typed).unwrap();
    fs::write(folder.path().join("valid.mjs"), valid).unwrap();
    let compiler = fetched("node-typescript/node_modules/typescript/lib/tsc.js");
    let strictly =
        ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext"];
    let mut typed = Command::new("node");
    typed.arg(compiler).args(strictly).arg("typed.mts");
    let mut valid = Command::new("node");
    valid.arg("valid.mjs");
    for mut command in [typed, valid] {
        let said = command.current_dir(folder.path()).output().unwrap();
        if !said.status.success() {
            return Err(format!(
                "{}{}",
                String::from_utf8_lossy(&said.stdout),
                String::from_utf8_lossy(&said.stderr)
            ));
        }
    }
    Ok(())
}

#[test]
fn the_operators_objects_are_as_its_definitions_have_them() {
    let objects = objects();
    let all: Vec<_> = objects.iter().map(|(_, object)| object).collect();
    check(&all).unwrap_or_else(|said| panic!("{said}"));
    for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        assert!(objects.iter().any(|(_, object)| object["kind"] == kind), "{kind}");
    }
    // That it finds mistakes: of a name, and of a value.
    let (_, right) = objects.iter().find(|(file, _)| file == "servicemonitor.yml").unwrap();
    for (name, value) in [("intervall", "30s"), ("interval", "30 s")] {
        let mut wrong = right.clone();
        wrong["spec"]["endpoints"][0][name] = Value::from(value);
        let said = check(&[&wrong]).unwrap_err();
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn the_operators_targets_are_called_as_the_alerts_expect() {
    let mut seen = 0;
    for (file, object) in objects() {
        let Some(endpoints) =
            object["spec"]["endpoints"].as_array().or(object["spec"]["podMetricsEndpoints"].as_array())
        else {
            continue;
        };
        for endpoint in endpoints {
            assert_eq!(endpoint["relabelings"][0]["targetLabel"], "job", "{file}");
            assert_eq!(endpoint["relabelings"][0]["replacement"], "librechat", "{file}");
            // Otherwise the `endpoint` of our own families would be renamed.
            assert_eq!(endpoint["relabelings"][1]["action"], "labeldrop", "{file}");
            assert_eq!(endpoint["relabelings"][1]["regex"], "endpoint", "{file}");
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
}
