//! Security review 1: who hangs up before the answer has guessed all the same.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::authorization::{TOKEN, basic, good};
use crate::client::{self, Connection, Request};
use crate::program::{Program, eventually};
use crate::refusal::assert_refused;

/// Slow enough that a client can leave before the hash is done.
const COST: u32 = 7;

fn jwt(kid: u32) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let header = encode(&format!(r#"{{"alg":"ES256","kid":"k{kid}"}}"#));
    let claims = encode(r#"{"iss":"https://idp.example","aud":"exporter","exp":4000000000}"#);
    format!("Authorization: Bearer {header}.{claims}.{}", encode("signature"))
}

/// Sends a request from 127.0.0.2 and leaves without waiting for its answer.
async fn ask_and_leave(program: &Program, line: impl AsRef<[u8]>) {
    let mut connection = Connection::open(program.target_from(2)).await.unwrap();
    connection.send(&Request::get("/metrics").line(line).bytes()).await.unwrap();
    // Long enough to be read, too short to be answered; what is tested does not hang on it.
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// Waits until `/metrics`, asked for from another address, has this line.
async fn until_counted(program: &Program, line: &str) {
    eventually(line, async || {
        let scrape = program.get("/metrics", &[good()]).await.text();
        if scrape.contains(&format!("\n{line}\n")) {
            return Ok(());
        }
        let counted: Vec<_> = scrape.lines().filter(|line| line.contains("_auth_")).collect();
        Err(counted.join("\n"))
    })
    .await;
}

#[tokio::test]
async fn a_guess_that_hangs_up_counts_and_the_right_one_is_not_told_after_the_lock() {
    let hash = bcrypt::hash("p:w", COST).unwrap();
    let program = Program::demo(&[
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("METRICS_BASIC_AUTH_USER", "alice"),
        ("METRICS_BASIC_AUTH_PASSWORD", &hash),
        ("RATE_LIMIT_MAX", "0"),
    ])
    .await;
    for number in 0..7 {
        ask_and_leave(&program, basic(format!("alice:guess-{number}"))).await;
    }
    let counted = r#"librechat_exporter_auth_requests_total{endpoint="metrics",method="basic",outcome="deny",reason="wrong_password"} 5"#;
    until_counted(&program, counted).await;
    let right = Request::get("/metrics").line(basic("alice:p:w")).last();
    assert_refused(&client::ask(program.target_from(2), &right).await, 429, "the right one, after the lock");
    assert_eq!(client::ask(program.target_from(3), &right).await.status, 200, "from elsewhere");
    program.until_logged("wrong_password").await;
}

#[tokio::test]
async fn a_token_under_an_unknown_key_counts_although_its_client_left_while_the_keys_were_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keys = format!("http://{}/keys", listener.local_addr().unwrap());
    // An issuer that takes the request and says nothing.
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(
                async move { while stream.read(&mut [0; 64]).await.is_ok_and(|length| length > 0) {} },
            );
        }
    });
    let program = Program::demo(&[
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("METRICS_OAUTH2_ISSUER", "https://idp.example"),
        ("METRICS_OAUTH2_JWKS_URI", &keys),
        ("METRICS_OAUTH2_AUDIENCE", "exporter"),
    ])
    .await;
    ask_and_leave(&program, jwt(1)).await;
    let counted = r#"librechat_exporter_auth_requests_total{endpoint="metrics",method="jwt",outcome="error",reason="unavailable"} 1"#;
    until_counted(&program, counted).await;
}

#[tokio::test]
async fn one_address_that_hangs_up_on_slow_hashes_does_not_keep_another_out() {
    let hash = bcrypt::hash("p:w", COST + 2).unwrap();
    let program = Program::demo(&[
        ("METRICS_BASIC_AUTH_USER", "alice"),
        ("METRICS_BASIC_AUTH_PASSWORD", &hash),
        ("METRICS_BRUTE_FORCE_PROTECTION", "false"),
        ("RATE_LIMIT_MAX", "0"),
    ])
    .await;
    for number in 0..30 {
        ask_and_leave(&program, basic(format!("alice:guess-{number}"))).await;
    }
    // Never remembered yet, so it needs the pool that the other has filled.
    let right = Request::get("/metrics").line(basic("alice:p:w")).last();
    assert_eq!(client::ask(program.target_from(3), &right).await.status, 200);
}
