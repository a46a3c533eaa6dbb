//! Sockets and threads around the body: loopback only, one client at a time.
//!
//! One thread takes connections and one serves each; one is the body's clock; one focuses and one develops, so that no
//! answer waits for a rendering.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use binrw::NullWideString;

use super::packet::{Packet, VERSION, read_data, write_data};
use super::responder::{Answer, MODEL, Responder, live_view, response, wire_event};
use crate::error::{Error, Result};
use crate::simulate::body::{Body, Order};
use crate::simulate::{BodySettings, BodyState, View};

/// A simulated body that serves PTP/IP on 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    view: View,
    body: Mutex<Body>,
    /// Wakes the clock when something is about to happen.
    stirred: Condvar,
    switched_on: Instant,
    focusing: Sender<Option<Order>>,
    developing: Sender<Option<Order>>,
    client: Mutex<Client>,
    connections: AtomicUsize,
    stops: AtomicBool,
}

/// Whoever is connected.
#[derive(Debug, Default)]
struct Client {
    /// Number of the connection, so that an event connection of an earlier client is not taken for its own.
    number: u32,
    commands: Option<TcpStream>,
    events: Option<TcpStream>,
}

/// What a thread of the server does.
type Job = Box<dyn FnOnce(Arc<Shared>) + Send>;

/// How long a connection may take to say what it is.
const GREETING: Duration = Duration::from_secs(5);
/// How long a client waits for one before it to be gone.
const HANGING_UP: Duration = Duration::from_millis(300);
/// How long a client may take to fetch what it is sent.
const SENDING: Duration = Duration::from_secs(20);
const SENDING_EVENT: Duration = Duration::from_millis(500);
/// Connections at a time; more than a client has, so that a second one is told that the body is taken.
const MOST_CONNECTIONS: usize = 16;
/// The body's clock while something happens.
const TICK: Duration = Duration::from_millis(4);
const GUID: [u8; 16] = *b"nearfar-simulate";
/// Reasons of an InitFail.
const BUSY: u32 = 2;
const REJECTED: u32 = 1;

impl Server {
    /// Switches a body on that looks at `view`, on this port of 127.0.0.1; 0 takes any free one.
    ///
    /// # Errors
    /// [`Error::Io`] if the port is taken or not ours to take.
    pub fn start(port: u16, view: View, settings: BodySettings) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let name = address.to_string();
        let failed = || Error::io(Path::new(&name), "listening");
        let listener = TcpListener::bind(address).map_err(failed())?;
        let port = listener.local_addr().map_err(failed())?.port();
        let (focusing, to_focus) = channel();
        let (developing, to_develop) = channel();
        let shared = Arc::new(Shared {
            view,
            body: Mutex::new(Body::new(settings)),
            stirred: Condvar::new(),
            switched_on: Instant::now(),
            focusing,
            developing,
            client: Mutex::default(),
            connections: AtomicUsize::new(0),
            stops: AtomicBool::new(false),
        });
        let work: [(&str, Job); 4] = [
            ("accept", Box::new(move |shared| accept(&shared, &listener))),
            ("clock", Box::new(|shared| shared.keep_time())),
            ("focus", Box::new(move |shared| shared.work(&to_focus))),
            ("develop", Box::new(move |shared| shared.work(&to_develop))),
        ];
        // Dropping what has started ends it again if a later thread cannot be had.
        let mut server = Self { port, shared, threads: Vec::new() };
        for (name, job) in work {
            let shared = Arc::clone(&server.shared);
            let thread = thread::Builder::new().name(format!("body-{name}")).spawn(move || job(shared));
            server.threads.push(thread.map_err(failed())?);
        }
        Ok(server)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What to give libgphoto2 as the camera's port.
    pub fn port_string(&self) -> String {
        format!("ptpip:127.0.0.1:{0}:{0}", self.port)
    }

    /// The truth about the body.
    pub fn state(&self) -> BodyState {
        self.shared.with_body(|body| body.state())
    }

    /// What it looks at.
    pub fn view(&self) -> &View {
        &self.shared.view
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        let _ = (self.shared.focusing.send(None), self.shared.developing.send(None));
        self.shared.stirred.notify_all();
        {
            let client = self.shared.client();
            for stream in [&client.commands, &client.events].into_iter().flatten() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // Wakes the thread that takes connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the body for the client at `wire`; its number, or none if another has it.
    fn take(&self, wire: &Wire) -> io::Result<Option<u32>> {
        let stream = wire.0.try_clone()?;
        // A client that has just hung up may not have been noticed to be gone.
        let deadline = Instant::now() + HANGING_UP;
        loop {
            let mut client = self.client();
            if client.commands.is_none() {
                client.commands = Some(stream);
                client.number = client.number.wrapping_add(1);
                return Ok(Some(client.number));
            }
            drop(client);
            if Instant::now() > deadline {
                return Ok(None);
            }
            thread::sleep(TICK);
        }
    }

    /// Frees the body for the next client.
    fn give_back(&self, number: u32) {
        let gone = std::mem::replace(&mut *self.client(), Client { number, ..Client::default() });
        for stream in [gone.commands, gone.events].into_iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Works with the body as it is now, then sends its events and hands its orders out.
    fn with_body<T>(&self, work: impl FnOnce(&mut Body) -> T) -> T {
        // Held until the events are sent: they keep their order.
        let mut client = self.client();
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        body.advance(self.switched_on.elapsed());
        let result = work(&mut body);
        let (events, orders, idle) = (body.take_events(), body.take_orders(), body.is_idle());
        drop(body);
        for order in orders {
            let to = if matches!(order, Order::Focus { .. }) { &self.focusing } else { &self.developing };
            // Nobody takes orders any more only while the server is being dropped.
            let _ = to.send(Some(order));
        }
        for (code, parameter) in events.into_iter().map(wire_event) {
            let event = Packet::Event { code, transaction: u32::MAX, parameters: vec![parameter] };
            if client.events.as_ref().is_some_and(|stream| event.write(stream).is_err()) {
                client.events = None;
            }
        }
        drop(client);
        if !idle {
            self.stirred.notify_all();
        }
        result
    }

    /// Lets the body's time go on while something happens in it.
    fn keep_time(&self) {
        while !self.stops.load(Ordering::Relaxed) {
            let body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
            if body.is_idle() {
                // The time-out is for a stop that comes between the two tests.
                let waited = self.stirred.wait_timeout(body, Duration::from_millis(200));
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            } else {
                drop(body);
                thread::sleep(TICK);
            }
            self.with_body(|_| ());
        }
    }

    /// Computes what the body ordered.
    fn work(&self, orders: &Receiver<Option<Order>>) {
        while let Ok(Some(order)) = orders.recv() {
            let now = || self.switched_on.elapsed();
            let begun = Instant::now();
            match order {
                Order::Focus { ticket, from, windows } => {
                    let found = self.view.search(from, &windows);
                    tracing::debug!("focused in {:?}: {found:?}", begun.elapsed());
                    self.with_body(|body| body.focused(now(), ticket, &found));
                }
                Order::Expose { shot, position, exposure, jpeg, raw } => {
                    let files = self.view.photo(position, exposure, u64::from(shot), [raw, jpeg]);
                    let files = files.unwrap_or_else(|error| {
                        tracing::error!("photo {shot} could not be made: {error}");
                        Vec::new()
                    });
                    tracing::debug!("shot {shot} developed in {:?}", begun.elapsed());
                    self.with_body(|body| body.developed(now(), shot, files));
                }
            }
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        if shared.stops.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if shared.connections.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            shared.connections.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let mine = Arc::clone(shared);
        let served = thread::Builder::new().name("body-client".into()).spawn(move || {
            if let Err(error) = serve(&mine, &Wire(stream)) {
                tracing::debug!("connection ended: {error}");
            }
            mine.connections.fetch_sub(1, Ordering::Relaxed);
        });
        if served.is_err() {
            shared.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A connection that acknowledges at once: the client sends in small pieces, each of which waits for that.
struct Wire(TcpStream);

impl Read for &Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        std::os::linux::net::TcpStreamExt::set_quickack(&self.0, true)?;
        (&self.0).read(buffer)
    }
}

impl Write for &Wire {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&self.0).write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves a connection until it ends.
fn serve(shared: &Shared, wire: &Wire) -> io::Result<()> {
    wire.0.set_nodelay(true)?;
    wire.0.set_read_timeout(Some(GREETING))?;
    wire.0.set_write_timeout(Some(SENDING))?;
    match Packet::read(wire)? {
        Packet::InitCommand { .. } => {
            let Some(number) = shared.take(wire)? else {
                return Packet::InitFail { reason: BUSY }.write(wire);
            };
            wire.0.set_read_timeout(None)?;
            shared.with_body(|body| body.connected());
            let ended = serve_commands(shared, wire, number);
            shared.with_body(|body| body.disconnected());
            shared.give_back(number);
            ended
        }
        Packet::InitEvent { connection } => serve_events(shared, wire, connection),
        other => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{other:?} as greeting"))),
    }
}

/// Holds the event connection open, and answers its pings.
fn serve_events(shared: &Shared, wire: &Wire, connection: u32) -> io::Result<()> {
    {
        let mut client = shared.client();
        if client.commands.is_none() || client.number != connection || client.events.is_some() {
            return Packet::InitFail { reason: REJECTED }.write(wire);
        }
        wire.0.set_read_timeout(None)?;
        wire.0.set_write_timeout(Some(SENDING_EVENT))?;
        Packet::InitEventAck.write(wire)?;
        client.events = Some(wire.0.try_clone()?);
    }
    let ended = loop {
        match Packet::read(wire) {
            Ok(Packet::Ping) => {
                // Not between the bytes of an event.
                let _client = shared.client();
                if let Err(error) = Packet::Pong.write(wire) {
                    break Err(error);
                }
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    let mut client = shared.client();
    if client.number == connection {
        client.events = None;
    }
    ended
}

fn serve_commands(shared: &Shared, wire: &Wire, number: u32) -> io::Result<()> {
    let name = NullWideString::from(MODEL);
    Packet::InitCommandAck { connection: number, guid: GUID, name, version: VERSION }.write(wire)?;
    let mut responder = Responder::default();
    let sizes = [shared.view.size(), shared.view.live_size()];
    loop {
        let (data_phase, operation, transaction, parameters) = match Packet::read(wire)? {
            Packet::Command { data_phase, operation, transaction, parameters } => {
                (data_phase, operation, transaction, parameters)
            }
            Packet::Ping => {
                Packet::Pong.write(wire)?;
                continue;
            }
            // The end of empty data, from clients that send one.
            Packet::EndData { payload, .. } if payload.is_empty() => continue,
            other => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{other:?} as command")));
            }
        };
        let data = if data_phase == 2 { read_data(wire, wire)? } else { Vec::new() };
        let answer = shared.with_body(|body| {
            body.hear();
            responder.answer(body, sizes, operation, &parameters, &data)
        });
        tracing::trace!("operation {operation:04x} {parameters:x?} {} bytes", data.len());
        let code = send(shared, wire, transaction, answer)?;
        Packet::Response { code, transaction, parameters: Vec::new() }.write(wire)?;
    }
}

/// Sends the data of an answer; the response that comes behind it.
fn send(shared: &Shared, wire: &Wire, transaction: u32, answer: Answer) -> io::Result<u16> {
    match answer {
        Answer::Response(code) => return Ok(code),
        Answer::Data(data) => write_data(wire, transaction, &data, 1.0)?,
        Answer::Picture { bytes, cut: true } => {
            write_data(wire, transaction, &bytes, 0.5)?;
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut, as asked for"));
        }
        Answer::Picture { bytes, cut: false } => {
            write_data(wire, transaction, &bytes, 1.0)?;
            shared.with_body(|body| body.picture_sent());
        }
        Answer::LiveView { position, exposure } => {
            let jpeg = shared.view.live_view(position, exposure)?;
            write_data(wire, transaction, &live_view(&jpeg), 1.0)?;
        }
    }
    Ok(response::OK)
}

#[cfg(test)]
mod tests;
