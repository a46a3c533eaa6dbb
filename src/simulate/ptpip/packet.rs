//! Framing: every packet is its length, its type and a body, little-endian.

use std::io::{self, Cursor, Read, Write};

use binrw::helpers::until_eof;
use binrw::{BinRead, BinWrite, NullWideString, binrw};

/// Longest packet taken from a client: they send names, numbers and settings.
const LONGEST: usize = 1 << 17;
/// Length and type.
const HEADER: usize = 8;
/// Payload of one data packet to the client.
const CHUNK: usize = 1 << 18;
/// Longest data phase taken from a client.
const LONGEST_DATA: usize = 1 << 20;
/// Version 1.0 of the protocol.
pub(super) const VERSION: u32 = 0x0001_0000;

const DATA: u32 = 10;
const END_DATA: u32 = 12;

/// A packet.
#[binrw]
#[brw(little)]
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Packet {
    /// The client opens the command connection; its name and version follow, which nobody needs.
    #[brw(magic = 1u32)]
    InitCommand { guid: [u8; 16] },
    #[brw(magic = 2u32)]
    InitCommandAck { connection: u32, guid: [u8; 16], name: NullWideString, version: u32 },
    /// The client opens the event connection.
    #[brw(magic = 3u32)]
    InitEvent { connection: u32 },
    #[brw(magic = 4u32)]
    InitEventAck,
    #[brw(magic = 5u32)]
    InitFail { reason: u32 },
    #[brw(magic = 6u32)]
    Command {
        /// 1: none or to the client; 2: from the client.
        data_phase: u32,
        operation: u16,
        transaction: u32,
        #[br(parse_with = until_eof)]
        parameters: Vec<u32>,
    },
    #[brw(magic = 7u32)]
    Response {
        code: u16,
        transaction: u32,
        #[br(parse_with = until_eof)]
        parameters: Vec<u32>,
    },
    #[brw(magic = 8u32)]
    Event {
        code: u16,
        transaction: u32,
        #[br(parse_with = until_eof)]
        parameters: Vec<u32>,
    },
    #[brw(magic = 9u32)]
    StartData { transaction: u32, total: u64 },
    #[brw(magic = 10u32)]
    Data {
        transaction: u32,
        #[br(parse_with = until_eof)]
        payload: Vec<u8>,
    },
    #[brw(magic = 12u32)]
    EndData {
        transaction: u32,
        #[br(parse_with = until_eof)]
        payload: Vec<u8>,
    },
    #[brw(magic = 13u32)]
    Ping,
    #[brw(magic = 14u32)]
    Pong,
}

impl Packet {
    /// Reads one packet.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if it is none, too long, or cut short inside; else what reading comes to.
    pub(super) fn read(mut from: impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if !(HEADER..=LONGEST).contains(&length) {
            return Err(bad(format!("a packet of {length} bytes")));
        }
        let mut packet = vec![0; length - 4];
        from.read_exact(&mut packet)?;
        Self::read_le(&mut Cursor::new(packet)).map_err(|error| bad(format!("no packet: {error}")))
    }

    /// Writes the packet at once.
    pub(super) fn write(&self, mut to: impl Write) -> io::Result<()> {
        let mut packet = Cursor::new(vec![0; 4]);
        packet.set_position(4);
        self.write_le(&mut packet).map_err(io::Error::other)?;
        let mut packet = packet.into_inner();
        let length = packet.len() as u32;
        packet[..4].copy_from_slice(&length.to_le_bytes());
        to.write_all(&packet)
    }
}

fn bad(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The client's data for a command: StartData, some Data, EndData, with pings between answered on `to`.
pub(super) fn read_data(mut from: impl Read, mut to: impl Write) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let (payload, ends) = match Packet::read(&mut from)? {
            // libgphoto2 leaves the end out where there is nothing before it.
            Packet::StartData { total: 0, .. } => return Ok(data),
            Packet::StartData { .. } => continue,
            Packet::Data { payload, .. } => (payload, false),
            Packet::EndData { payload, .. } => (payload, true),
            Packet::Ping => {
                Packet::Pong.write(&mut to)?;
                continue;
            }
            other => return Err(bad(format!("{other:?} inside data"))),
        };
        data.extend(payload);
        if data.len() > LONGEST_DATA {
            return Err(bad(format!("{} bytes of data", data.len())));
        }
        if ends {
            return Ok(data);
        }
    }
}

/// Sends data to the client, of a given share: less than the whole breaks off in the middle.
pub(super) fn write_data(mut to: impl Write, transaction: u32, data: &[u8], share: f32) -> io::Result<()> {
    Packet::StartData { transaction, total: data.len() as u64 }.write(&mut to)?;
    let sent = (data.len() as f64 * f64::from(share)) as usize;
    let whole = sent == data.len();
    let mut chunks = data[..sent].chunks(CHUNK).peekable();
    if chunks.peek().is_none() && whole {
        write_chunk(&mut to, END_DATA, transaction, &[])?;
    }
    while let Some(chunk) = chunks.next() {
        let last = whole && chunks.peek().is_none();
        write_chunk(&mut to, if last { END_DATA } else { DATA }, transaction, chunk)?;
    }
    Ok(())
}

/// A data packet without a copy of its payload.
fn write_chunk(to: &mut impl Write, kind: u32, transaction: u32, payload: &[u8]) -> io::Result<()> {
    let length = (HEADER + 4 + payload.len()) as u32;
    let head = [length, kind, transaction].map(u32::to_le_bytes);
    let mut packet = Vec::with_capacity(length as usize);
    packet.extend_from_slice(head.as_flattened());
    packet.extend_from_slice(payload);
    to.write_all(&packet)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(packet: &Packet) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet.write(&mut bytes).expect("memory");
        bytes
    }

    #[test]
    fn packets_are_as_the_standard_has_them() {
        let ack = Packet::InitCommandAck { connection: 1, guid: [7; 16], name: "A".into(), version: VERSION };
        let mut expected = vec![36, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0];
        expected.extend([7; 16]);
        expected.extend([b'A', 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(bytes(&ack), expected);
        let command = [22, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0x02, 0x10, 5, 0, 0, 0, 1, 0, 0, 0].as_slice();
        let read = Packet::read(command).expect("a command");
        let (data_phase, operation, transaction) = (1, 0x1002, 5);
        assert_eq!(read, Packet::Command { data_phase, operation, transaction, parameters: vec![1] });
        assert_eq!(bytes(&read), command);
        assert_eq!(bytes(&Packet::Ping), [8, 0, 0, 0, 13, 0, 0, 0]);
    }

    #[test]
    fn wrong_lengths_and_types_are_refused() {
        let cases: [&[u8]; 6] = [
            &[7, 0, 0, 0, 13, 0, 0, 0],
            &[0, 0, 0, 0, 13, 0, 0, 0],
            &[0xff, 0xff, 0xff, 0xff, 6, 0, 0, 0],
            &[8, 0, 0, 0, 99, 0, 0, 0],
            &[12, 0, 0, 0, 3, 0, 0, 0, 1],
            &[10, 0, 0, 0, 3, 0, 0, 0, 1, 0],
        ];
        for case in cases {
            assert!(Packet::read(case).is_err(), "{case:?}");
        }
    }

    #[test]
    fn data_arrives_in_one_piece_whatever_its_length() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, LONGEST_DATA] {
            let data: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut wire = Vec::new();
            write_data(&mut wire, 3, &data, 1.0).expect("memory");
            let mut at = 0;
            let mut got = Vec::new();
            let mut kinds = Vec::new();
            while at < wire.len() {
                let length = u32::from_le_bytes(wire[at..at + 4].try_into().expect("four")) as usize;
                kinds.push(wire[at + 4]);
                if kinds.len() > 1 {
                    got.extend_from_slice(&wire[at + 12..at + length]);
                }
                at += length;
            }
            assert!(got == data, "{length}");
            assert_eq!((kinds[0], kinds[kinds.len() - 1]), (9, 12));
            assert!(kinds[1..kinds.len() - 1].iter().all(|&kind| kind == 10));
        }
    }

    #[test]
    fn cut_data_never_ends() {
        let mut wire = Vec::new();
        write_data(&mut wire, 3, &vec![0; 3 * CHUNK], 0.5).expect("memory");
        let full = HEADER + 4 + CHUNK;
        assert_eq!(wire.len(), 20 + full + HEADER + 4 + CHUNK / 2);
        assert_eq!(wire[20 + full + 4], 10);
    }

    #[test]
    fn empty_data_needs_no_end() {
        let mut wire = Vec::new();
        Packet::StartData { transaction: 1, total: 0 }.write(&mut wire).expect("memory");
        assert!(read_data(wire.as_slice(), Vec::new()).expect("data").is_empty());
    }

    #[test]
    fn endless_data_is_refused() {
        let mut wire = Vec::new();
        for _ in 0..20 {
            Packet::Data { transaction: 1, payload: vec![0; 100_000] }.write(&mut wire).expect("memory");
        }
        assert!(read_data(wire.as_slice(), Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64), kind in 0u8..16) {
            let mut packet = vec![bytes.len() as u8 + 8, 0, 0, 0, kind, 0, 0, 0];
            packet.extend(&bytes);
            if let Ok(read) = Packet::read(packet.as_slice()) {
                prop_assert!(super::tests::bytes(&read).len() <= packet.len() + 3);
            }
            let _ = Packet::read(bytes.as_slice());
            let _ = read_data(packet.as_slice(), Vec::new());
        }
    }
}
