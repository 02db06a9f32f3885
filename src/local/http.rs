//! Just enough HTTP to hear whether the emulator answers.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// Whether moto answers on this port of the machine.
pub(super) fn answers(port: u16) -> bool {
    asked(port).is_some_and(|head| head.starts_with("HTTP/1.") && head.get(9..10) == Some("2"))
}

fn asked(port: u16) -> Option<String> {
    // Long enough for an emulator that is busy with other calls, whose Python serves one at a time.
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    // This path is moto's own: it loads no service and answers little.
    stream.write_all(b"GET /moto-api/config HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut answer = vec![];
    stream.take(64 * 1024).read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}
