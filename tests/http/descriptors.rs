//! What floods of connections do to descriptors, to scrapes that are being sent, and to whole IPv6 networks' neighbours.

use std::collections::VecDeque;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::authorization::{ALL, good};
use crate::client::{self, Connection, Request, Target};
use crate::program::{Program, free_port};

/// The soft and the hard limit of descriptors, as the kernel has them.
fn limits(pid: u32) -> (String, String) {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let mut fields = line.split_whitespace().skip(3).map(str::to_owned);
    (fields.next().unwrap(), fields.next().unwrap())
}

#[tokio::test]
async fn review_6_the_soft_limit_is_raised_to_the_hard_one() {
    let program = Program::under("ulimit -Sn 100; ulimit -Hn 700", ALL).await;
    assert_eq!(limits(program.pid()), ("700".into(), "700".into()));
}

#[tokio::test]
async fn review_6_two_full_listeners_of_a_small_process_still_answer_on_both() {
    let number = free_port().to_string();
    let settings = [ALL, &[("METRICS_PORT", &*number)]].concat();
    let program = Program::under("ulimit -n 160", &settings).await;
    let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, number.parse::<u16>().unwrap()));
    let mut idle = VecDeque::new();
    for last in 10..14 {
        for _ in 0..40 {
            for address in [program.address(), metrics] {
                let target = Target::From(Ipv4Addr::new(127, 0, 0, last), address);
                let mut connection = Connection::open(target).await.unwrap();
                // One whose turn has passed already is closed.
                let _ = connection.send(&Request::get("/nothing").bytes()).await;
                idle.push_back(connection);
            }
        }
    }
    for _ in 0..3 {
        assert_eq!(program.get::<&str>("/livez", &[]).await.status, 200);
        let scrape = client::ask(Target::Tcp(metrics), &Request::get("/metrics").line(good()).last()).await;
        assert_eq!(scrape.status, 200);
    }
}

#[tokio::test]
async fn review_6_without_descriptors_the_longest_waiting_connection_makes_room_and_the_log_stays_short() {
    let program = Program::demo(ALL).await;
    let mut idle = Vec::new();
    for last in 10..20 {
        idle.push(Connection::open(program.target_from(last)).await.unwrap());
    }
    assert_eq!(program.get::<&str>("/livez", &[]).await.status, 200);
    // From now on no descriptor is left: new ones take the lowest numbers, which all are in use.
    let open = fs::read_dir(format!("/proc/{}/fd", program.pid())).unwrap().count() - 2;
    let limit = Command::new("prlimit")
        .arg(format!("--pid={}", program.pid()))
        .arg(format!("--nofile={open}:{open}"))
        .status();
    assert!(limit.unwrap().success());
    for round in 0..5 {
        assert_eq!(program.get("/metrics", &[good()]).await.status, 200, "{round}");
    }
    let refusals = program.log().iter().filter(|line| line.to_string().contains("cannot accept")).count();
    assert!((1..30).contains(&refusals), "{refusals} lines");
}

#[tokio::test]
async fn review_6_a_listener_without_connections_gets_the_descriptors_of_another() {
    let number = free_port().to_string();
    let settings = [ALL, &[("METRICS_PORT", &*number)]].concat();
    let program = Program::demo(&settings).await;
    let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, number.parse::<u16>().unwrap()));
    let mut idle = Vec::new();
    for last in 10..20 {
        let target = Target::From(Ipv4Addr::new(127, 0, 0, last), metrics);
        let mut connection = Connection::open(target).await.unwrap();
        connection.send(&Request::get("/nothing").bytes()).await.unwrap();
        connection.receive(false).await.unwrap();
        idle.push(connection);
    }
    let open = fs::read_dir(format!("/proc/{}/fd", program.pid())).unwrap().count();
    let limit = Command::new("prlimit")
        .arg(format!("--pid={}", program.pid()))
        .arg(format!("--nofile={open}:{open}"))
        .status();
    assert!(limit.unwrap().success());
    // Kept open, so that each takes another descriptor.
    for round in 0..5 {
        let mut probe = Connection::open(program.target()).await.unwrap();
        probe.send(&Request::get("/livez").bytes()).await.unwrap();
        assert_eq!(probe.receive(false).await.unwrap().status, 200, "{round}");
        idle.push(probe);
    }
}

#[tokio::test]
async fn review_10_an_answer_that_is_being_sent_is_not_cut_by_strangers() {
    const SCRAPES: usize = 60;
    let program = Program::demo(ALL).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8192).unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).unwrap();
    let mut scraper = socket.connect(program.address()).await.unwrap();
    // More than all buffers on the way hold, so that something is always being sent.
    let scrape = Request::get("/metrics").line(good());
    let requests = [vec![scrape.clone().bytes(); SCRAPES - 1].concat(), scrape.last()].concat();
    scraper.write_all(&requests).await.unwrap();
    scraper.readable().await.unwrap();

    let mut strangers = Vec::new();
    for _ in 0..70 {
        strangers.push(program.connect().await);
    }
    for last in 10..20 {
        for _ in 0..55 {
            strangers.push(Connection::open(program.target_from(last)).await.unwrap());
        }
    }
    let mut answers = Vec::new();
    scraper.read_to_end(&mut answers).await.unwrap();
    let found = String::from_utf8_lossy(&answers).matches("HTTP/1.1 200 OK").count();
    assert_eq!(found, SCRAPES, "all of them are sent, {} bytes", answers.len());
    assert!(answers.ends_with(b"# EOF\n") || answers.ends_with(b"\n"), "to its end");
}
