//! The server by hand-made packets: what no well-behaved client sends, and what two clients at once get.

use super::*;
use crate::frame::Size;
use crate::simulate::{Lens, SceneKind, Subject};

fn server() -> Server {
    let subject = Subject::Painted { kind: SceneKind::Desk, size: Size::new(96, 64), seed: 1 };
    let view = View::new(&subject, Lens { coc_px: 8.0, breathing: 0.0 }).expect("a good size");
    Server::start(0, view, BodySettings::default()).expect("a free port")
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).expect("listening");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    stream
}

fn greet(stream: &TcpStream) -> Packet {
    Packet::InitCommand { guid: [1; 16] }.write(stream).expect("sent");
    Packet::read(stream).expect("answered")
}

/// A client with both its connections.
fn client(server: &Server) -> (TcpStream, TcpStream) {
    let (commands, events) = (connect(server), connect(server));
    let Packet::InitCommandAck { connection, .. } = greet(&commands) else { panic!("refused") };
    Packet::InitEvent { connection }.write(&events).expect("sent");
    assert_eq!(Packet::read(&events).expect("answered"), Packet::InitEventAck);
    (commands, events)
}

fn open_session(stream: &TcpStream) -> u16 {
    let (data_phase, operation, transaction) = (1, 0x1002, 0);
    let command = Packet::Command { data_phase, operation, transaction, parameters: vec![1] };
    command.write(stream).expect("sent");
    match Packet::read(stream).expect("answered") {
        Packet::Response { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

/// Waits until a new client is let in.
fn let_in(server: &Server) -> TcpStream {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let stream = connect(server);
        if matches!(greet(&stream), Packet::InitCommandAck { .. }) {
            return stream;
        }
        assert!(Instant::now() < deadline, "the body stays taken");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the other side hangs up, whatever it says before.
fn hangs_up(mut stream: &TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn only_loopback_and_one_client_at_a_time() {
    let server = server();
    assert_eq!(server.port_string(), format!("ptpip:127.0.0.1:{0}:{0}", server.port()));
    let (commands, events) = client(&server);
    assert_eq!(open_session(&commands), response::OK);
    let second = connect(&server);
    assert_eq!(greet(&second), Packet::InitFail { reason: BUSY });
    let stranger = connect(&server);
    Packet::InitEvent { connection: 99 }.write(&stranger).expect("sent");
    assert_eq!(Packet::read(&stranger).expect("answered"), Packet::InitFail { reason: REJECTED });
    for stream in [&commands, &events] {
        Packet::Ping.write(stream).expect("sent");
        assert_eq!(Packet::read(stream).expect("answered"), Packet::Pong);
    }
    drop(commands);
    assert!(hangs_up(&events), "events end with their client");
    assert_eq!(open_session(&let_in(&server)), response::OK);
}

#[test]
fn malformed_packets_end_their_connection_and_nothing_else() {
    let server = server();
    let bad: [&[u8]; 6] = [
        &[0, 0, 0, 0, 0, 0, 0, 0],
        &[0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0],
        &[8, 0, 0, 0, 77, 0, 0, 0],
        &[8, 0, 0, 0, 13, 0, 0, 0],
        &[12, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4],
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for bytes in bad {
        let stream = connect(&server);
        (&stream).write_all(bytes).expect("sent");
        assert!(hangs_up(&stream), "{bytes:?}");
    }
    // Inside a session: data that is none, and a command cut short.
    for bytes in [&[8u8, 0, 0, 0, 77, 0, 0, 0][..], &[9, 0, 0, 0, 6, 0, 0, 0, 2], &[8, 0, 0, 0, 12, 0, 0, 0]]
    {
        let stream = let_in(&server);
        let (data_phase, operation, transaction) = (2, 0x9205, 1);
        let command = Packet::Command { data_phase, operation, transaction, parameters: vec![] };
        command.write(&stream).expect("sent");
        (&stream).write_all(bytes).expect("sent");
        assert!(hangs_up(&stream), "{bytes:?}");
    }
    assert_eq!(open_session(&let_in(&server)), response::OK);
}

#[test]
fn more_connections_than_it_serves_are_dropped_and_the_client_goes_on() {
    let server = server();
    let (commands, _events) = client(&server);
    let silent: Vec<_> = (0..MOST_CONNECTIONS).map(|_| connect(&server)).collect();
    assert!(hangs_up(&silent[MOST_CONNECTIONS - 1]));
    assert_eq!(open_session(&commands), response::OK);
}

#[test]
fn a_dropped_server_hangs_up_and_frees_its_port() {
    let server = server();
    let port = server.port();
    let (commands, events) = client(&server);
    drop(server);
    assert!(hangs_up(&commands) && hangs_up(&events));
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let first = server();
    let view = first.view().clone();
    let error = Server::start(first.port(), view, BodySettings::default()).expect_err("taken");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", first.port())), "{error}");
}
