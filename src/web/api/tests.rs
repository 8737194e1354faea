// SPDX-License-Identifier: MIT OR Apache-2.0
//! The API is what its description says.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::web::access::tests::{Door, alice, code};

fn described() -> Value {
    serde_json::from_str(DESCRIPTION).unwrap()
}

#[test]
fn every_path_is_described_and_every_path_that_is_described_is_there() {
    let described = described();
    let described: BTreeSet<&str> = described["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let there: BTreeSet<&str> = paths().into_iter().map(|(path, _)| path).collect();
    assert_eq!(described, there);
}

/// The parts of the description that are named exist.
#[test]
fn what_the_description_refers_to_is_in_it() {
    fn look(all: &Value, value: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(target) = map.get("$ref") {
                    let place = target.as_str().unwrap().strip_prefix('#').unwrap();
                    assert!(all.pointer(place).is_some(), "{place}");
                }
                map.values().for_each(|it| look(all, it));
            }
            Value::Array(items) => items.iter().for_each(|it| look(all, it)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let all = described();
    look(&all, &all);
}

#[tokio::test]
async fn every_path_answers_as_described() {
    let door = Door::with_users().await;
    let described = described();
    for (path, methods) in described["paths"].as_object().unwrap() {
        let asked = path
            .replace("{service}", "TCP%20192.0.2.10:5672")
            .replace("{server}", "10.0.0.1:5672");
        let asked = format!("/stats/api/v1{asked}");
        for (method, operation) in methods.as_object().unwrap() {
            let headers = format!("Content-Type: application/json\r\n{}", alice());
            let body = &operation["requestBody"]["content"]["application/json"]["example"];
            let body = if body.is_null() {
                String::new()
            } else {
                body.to_string()
            };
            let answer = door
                .ask(&method.to_uppercase(), &asked, &headers, &body)
                .await;
            assert_eq!(code(&answer), "200", "{path}: {answer}");
            has_what_is_required(&described, operation, &answer);
        }
    }
}

/// Every required field of the outermost object is there.
fn has_what_is_required(described: &Value, operation: &Value, answer: &str) {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let schema = match schema["$ref"].as_str() {
        Some(target) => described.pointer(&target[1..]).unwrap(),
        None => schema,
    };
    for field in schema["required"].as_array().into_iter().flatten() {
        assert!(body.get(field.as_str().unwrap()).is_some(), "{field}");
    }
}

/// `SCHEMATHESIS=/path/of/schemathesis cargo test --lib schemathesis -- --nocapture`: it asks everything that the description
/// allows and forbids, and reads the answers by it.
#[tokio::test]
async fn schemathesis_finds_nothing() {
    let Some(program) = std::env::var_os("SCHEMATHESIS") else {
        return;
    };
    let door = Door::with_users().await;
    let base = format!("http://{}/stats/api/v1", door.at);
    let place = format!("{base}/openapi.json");
    // It writes down what it tried.
    let directory = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(program);
    command
        .current_dir(directory.path())
        .args([
            "run",
            "--auth",
            "alice:correct horse",
            "--max-examples",
            "200",
        ])
        .args([
            "--seed",
            "7",
            "--phases",
            "examples,coverage,fuzzing",
            "--checks",
            "all",
        ])
        .args(["--url", &base])
        .arg(place);
    let ended = tokio::task::spawn_blocking(move || command.status().unwrap());
    assert!(ended.await.unwrap().success());
    assert_eq!(code(&door.ask("GET", "/healthz", "", "").await), "200");
}

#[tokio::test]
async fn what_is_wrong_is_json_with_a_message() {
    let door = Door::with_users().await;
    for (method, path, wanted) in [
        ("GET", "/nothing", "404"),
        ("GET", "/services/TCP%20192.0.2.99:1", "404"),
        ("GET", "/services/x", "404"),
        ("GET", "/services/%ff", "400"),
        ("GET", "/services/TCP%20192.0.2.10:5672/servers/x", "404"),
        ("GET", "/events?after=x", "400"),
        ("GET", "/orders", "405"),
        ("DELETE", "/status", "405"),
        ("BREW", "/status", "405"),
    ] {
        let path = format!("/stats/api/v1{path}");
        let answer = door.ask(method, &path, &alice(), "").await;
        assert_eq!(code(&answer), wanted, "{method} {path}: {answer}");
        assert!(
            answer.contains("content-type: application/json"),
            "{answer}"
        );
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert!(!body["message"].as_str().unwrap().is_empty());
    }
}
