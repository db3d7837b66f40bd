//! A proxy between a MongoDB client and a real mongod that answers single commands itself, as other servers do.
//!
//! It reads `OP_MSG` and, of the first handshake, `OP_QUERY`. For a replica set it puts itself in the place of the members, so that
//! the client stays here.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use mongodb::bson::{Document, doc};

use crate::mongod::DATABASE;

/// The proxy's way with one command.
pub(crate) enum Reply {
    /// The real server answers.
    Pass,
    /// The proxy answers with this.
    Answer(Document),
    /// The connection is cut.
    Cut,
}

type OnRequest = Box<dyn Fn(&str, &Document) -> Reply + Send + Sync>;
type OnReply = Box<dyn Fn(&str, &mut Document) + Send + Sync>;

/// A running proxy. Dropping it cuts its connections.
pub(crate) struct WireProxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: u16,
    port: u16,
    on_request: OnRequest,
    on_reply: OnReply,
    is_stopped: AtomicBool,
    /// The names of all commands so far.
    commands: Mutex<Vec<String>>,
    connections: Mutex<Vec<TcpStream>>,
}

const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;
const HEADER: usize = 16;
const CHECKSUM: u32 = 1;
const MORE_TO_COME: u32 = 2;

/// An answer that refuses a command.
pub(crate) fn refusal(code: i32, name: &str, text: &str) -> Document {
    doc! { "ok": 0.0, "code": code, "codeName": name, "errmsg": text }
}

/// Whether an aggregation has a stage of this name, at whatever depth.
pub(crate) fn holds(command: &Document, name: &str) -> bool {
    command.to_string().contains(&format!("\"{name}\""))
}

impl WireProxy {
    /// A proxy in front of the mongod on that port, which answers what `on_request` says.
    pub(crate) fn start(
        upstream: u16,
        on_request: impl Fn(&str, &Document) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_editing(upstream, on_request, |_, _| ())
    }

    /// The same, with `on_reply` editing the real server's answers to the command of that name.
    pub(crate) fn start_editing(
        upstream: u16,
        on_request: impl Fn(&str, &Document) -> Reply + Send + Sync + 'static,
        on_reply: impl Fn(&str, &mut Document) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            upstream,
            port,
            on_request: Box::new(on_request),
            on_reply: Box::new(on_reply),
            is_stopped: AtomicBool::new(false),
            commands: Mutex::default(),
            connections: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.is_stopped.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(client) = client else { continue };
                let shared = Arc::clone(&accepting);
                thread::spawn(move || {
                    // A connection that ends is the client's or the server's affair.
                    let _ = shared.serve(&client);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port, shared }
    }

    /// The address for `MONGO_URI`, with LibreChat's database.
    pub(crate) fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// How often a command of this name was sent.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.shared.commands.lock().unwrap().iter().filter(|seen| *seen == name).count()
    }
}

impl Drop for WireProxy {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn serve(&self, mut client: &TcpStream) -> io::Result<()> {
        let mut server = TcpStream::connect(("127.0.0.1", self.upstream))?;
        self.connections.lock().unwrap().extend([client.try_clone()?, server.try_clone()?]);
        loop {
            let request = read(&mut client)?;
            let (id, operation) = (int(&request, 4), int(&request, 12));
            let Some(command) = command(&request, operation) else {
                server.write_all(&request)?;
                continue;
            };
            let name = command.keys().next().cloned().unwrap_or_default();
            self.commands.lock().unwrap().push(name.clone());
            match (self.on_request)(&name, &command) {
                Reply::Pass => {}
                Reply::Answer(answer) => {
                    client.write_all(&message(operation, 1, id, 0, &answer))?;
                    continue;
                }
                Reply::Cut => return server.shutdown(Shutdown::Both),
            }
            server.write_all(&request)?;
            if operation == OP_MSG && flags(&request) & MORE_TO_COME != 0 {
                continue;
            }
            loop {
                let reply = read(&mut &server)?;
                let is_last = int(&reply, 12) != OP_MSG || flags(&reply) & MORE_TO_COME == 0;
                client.write_all(&self.edited(&name, reply))?;
                if is_last {
                    break;
                }
            }
        }
    }

    fn edited(&self, name: &str, reply: Vec<u8>) -> Vec<u8> {
        let operation = int(&reply, 12);
        let (start, flags) = if operation == OP_MSG { (21, flags(&reply)) } else { (36, 0) };
        let Ok(mut document) = Document::from_reader(&reply[start..]) else { return reply };
        let before = document.clone();
        if document.contains_key("setName") {
            let here = format!("127.0.0.1:{}", self.port);
            document.insert("hosts", vec![here.clone()]);
            document.insert("me", &here);
            if document.contains_key("primary") {
                document.insert("primary", &here);
            }
            document.remove("arbiters");
        }
        (self.on_reply)(name, &mut document);
        if document == before {
            return reply;
        }
        message(operation, int(&reply, 4), int(&reply, 8), flags & !CHECKSUM, &document)
    }
}

fn read(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::try_from(i32::from_le_bytes(length)).unwrap()];
    bytes[..4].copy_from_slice(&length);
    stream.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}

fn int(message: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(message[at..at + 4].try_into().unwrap())
}

fn flags(message: &[u8]) -> u32 {
    u32::from_le_bytes(message[HEADER..HEADER + 4].try_into().unwrap())
}

fn command(request: &[u8], operation: i32) -> Option<Document> {
    let start = match operation {
        OP_MSG => 21,
        // Flags, the collection's name with its 0, and two numbers come before it.
        OP_QUERY => 20 + request[20..].iter().position(|byte| *byte == 0)? + 9,
        _ => return None,
    };
    Document::from_reader(&request[start..]).ok()
}

fn message(operation: i32, id: i32, to: i32, flags: u32, document: &Document) -> Vec<u8> {
    let body = document.to_vec().unwrap();
    let (operation, between) = if operation == OP_MSG {
        (OP_MSG, [&flags.to_le_bytes()[..], &[0]].concat())
    } else {
        let numbers: [&[u8]; 4] =
            [&8_i32.to_le_bytes(), &0_i64.to_le_bytes(), &0_i32.to_le_bytes(), &1_i32.to_le_bytes()];
        (OP_REPLY, numbers.concat())
    };
    let length = i32::try_from(HEADER + between.len() + body.len()).unwrap();
    let header: Vec<u8> =
        [length, id, to, operation].iter().flat_map(|number| number.to_le_bytes()).collect();
    [header, between, body].concat()
}
