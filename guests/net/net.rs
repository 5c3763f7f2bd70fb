//! net uses the network by nothing but Rust's standard library. See ../README.md for what it prints.

use std::env;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["tcp-client", address, text] => tcp_client(address, text),
        ["tcp-server", address, count] => tcp_server(address, number(count)),
        ["tcp-pour", address, bytes] => tcp_pour(address, number(bytes)),
        ["tcp-wait", address, milliseconds] => tcp_wait(address, number(milliseconds)),
        ["tcp-hoard", address] => tcp_hoard(address),
        ["udp-client", address, text] => udp_client(address, text),
        ["udp-server", address, count] => udp_server(address, number(count)),
        ["lookup", name] => lookup(name),
        _ => {
            eprintln!("usage: net tcp-client|udp-client ADDRESS TEXT | tcp-server|udp-server ADDRESS COUNT | tcp-pour ADDRESS BYTES | tcp-wait ADDRESS MILLISECONDS | tcp-hoard ADDRESS | lookup NAME");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error {:?}", error.kind());
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Sends a text and prints what comes back until the other end has ended.
fn tcp_client(address: &str, text: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    println!("connected {} {}", stream.local_addr()?.ip(), stream.peer_addr()?);
    stream.write_all(text.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("answer {answer}");
    Ok(())
}

/// Sends back what connections send, one after another.
fn tcp_server(address: &str, count: usize) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening {}", listener.local_addr()?);
    for _ in 0..count {
        let (mut stream, peer) = listener.accept()?;
        let mut buffer = vec![0; 16384];
        let mut bytes = 0;
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            stream.write_all(&buffer[..n])?;
            bytes += n;
        }
        println!("echoed {bytes} to {}", peer.ip());
    }
    Ok(())
}

/// Sends many bytes, whether the other end reads or not.
fn tcp_pour(address: &str, bytes: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let piece: Vec<u8> = (0..50_000).map(|i| (i % 251) as u8).collect();
    let mut left = bytes;
    while left > 0 {
        let n = left.min(piece.len());
        stream.write_all(&piece[..n])?;
        left -= n;
    }
    println!("poured {bytes}");
    Ok(())
}

/// Waits for bytes that do not come, no longer than it is told.
fn tcp_wait(address: &str, milliseconds: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let timeout = Duration::from_millis(milliseconds as u64);
    stream.set_read_timeout(Some(timeout))?;
    let start = Instant::now();
    let result = stream.read(&mut [0; 16]);
    println!("waited {}", start.elapsed() >= timeout);
    result.map(|n| println!("read {n}"))
}

/// Opens connections until it gets no more.
fn tcp_hoard(address: &str) -> io::Result<()> {
    let mut streams = Vec::new();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => streams.push(stream),
            Err(error) => {
                println!("hoarded {}", streams.len());
                return Err(error);
            }
        }
    }
}

/// Sends a datagram and prints the answer.
fn udp_client(address: &str, text: &str) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address)?;
    socket.send(text.as_bytes())?;
    let mut buffer = [0; 2048];
    let n = socket.recv(&mut buffer)?;
    println!("answer {}", String::from_utf8_lossy(&buffer[..n]));
    Ok(())
}

/// Sends datagrams back to where they come from.
fn udp_server(address: &str, count: usize) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    println!("bound {}", socket.local_addr()?);
    let mut buffer = [0; 2048];
    for _ in 0..count {
        let (n, peer) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..n], peer)?;
        println!("echoed {n} to {}", peer.ip());
    }
    Ok(())
}

/// Prints the addresses of a name.
fn lookup(name: &str) -> io::Result<()> {
    for address in (name, 80).to_socket_addrs()? {
        println!("address {}", address.ip());
    }
    Ok(())
}
