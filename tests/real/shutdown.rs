//! SIGTERM in the middle of a scrape: the scrape is finished, newcomers are refused, the process ends well.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::exporter::Exporter;
use crate::http::{Response, request};
use crate::mongod::{DATABASE, Mongod};
use crate::servers::eventually;

/// Models and e-mail domains: below the bound on values of a label, while their product makes a body that no socket
/// buffer can hold, so that a slow reader keeps the scrape in the middle.
const MODELS: usize = 150;
const DOMAINS: usize = 150;

/// More than the kernel keeps for a connection over loopback, both ends together.
const LARGE: usize = 8 << 20;

async fn insert_many_groups(mongod: &Mongod) {
    let users: Vec<Document> = (0..DOMAINS)
        .map(|index| doc! { "_id": ObjectId::new(), "email": format!("someone@{index}.{}.example", "d".repeat(60)) })
        .collect();
    let now = DateTime::now();
    let transactions: Vec<Document> = users
        .iter()
        .flat_map(|user| {
            (0..MODELS * 2).map(move |index| {
                let (model, kind) = (index / 2, if index % 2 == 0 { "prompt" } else { "completion" });
                doc! {
                    "user": user.get_object_id("_id").unwrap(),
                    "conversationId": format!("conversation-{model}"),
                    "model": format!("model-{model}-{}", "m".repeat(80)),
                    "tokenType": kind,
                    "rawAmount": -10,
                    "tokenValue": -30.5,
                    "createdAt": now,
                }
            })
        })
        .collect();
    let database = mongod.client().database(DATABASE);
    database.collection("users").insert_many(users).await.unwrap();
    database.collection("transactions").insert_many(transactions).await.unwrap();
}

/// Connects with a small receive buffer, asks for `/metrics` and reads no more than the first bytes.
async fn begin_scrape(port: u16) -> (TcpStream, Vec<u8>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
    stream.write_all(request("/metrics", &[]).as_bytes()).await.unwrap();
    let mut bytes = vec![0; 1024];
    let length = stream.read(&mut bytes).await.unwrap();
    bytes.truncate(length);
    (stream, bytes)
}

#[tokio::test]
async fn sigterm_in_the_middle_of_a_scrape_finishes_it() {
    let mongod = Mongod::start().await;
    insert_many_groups(&mongod).await;
    let mut exporter =
        Exporter::serve(&[("MONGO_URI", &mongod.uri()), ("METRICS_MAX_SERIES", "100000")]).await;
    exporter.until_status("/readyz", 200).await;

    let (mut scrape, mut bytes) = begin_scrape(exporter.port).await;
    exporter.process.signal("TERM");
    eventually("new connections are refused", async || {
        match TcpStream::connect(("127.0.0.1", exporter.port)).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    exporter.process.expect_alive();

    timeout(Duration::from_secs(30), scrape.read_to_end(&mut bytes)).await.expect("the rest").unwrap();
    let response = Response::parse(&bytes).expect("the whole answer");
    assert_eq!(response.status, 200);
    assert!(response.body.len() > LARGE, "{} bytes would fit into buffers", response.body.len());
    assert_eq!(response.body.last(), Some(&b'\n'));
    let status = exporter.process.ended().await;
    assert_eq!(status.code(), Some(0), "{}", exporter.process.output());
}

#[tokio::test]
async fn sigterm_and_sigint_end_an_idle_exporter_with_0() {
    let mongod = Mongod::start().await;
    for signal in ["TERM", "INT"] {
        let mut exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri())]).await;
        exporter.process.signal(signal);
        let status = exporter.process.ended().await;
        assert_eq!(status.code(), Some(0), "SIG{signal}: {}", exporter.process.output());
    }
}
