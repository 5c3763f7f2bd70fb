//! web answers HTTP requests, makes some, and misbehaves on request. See ../README.md for its paths.

wit_bindgen::generate!({
    inline: "
        package wasinn:web;

        world web {
            include wasi:http/proxy@0.2.12;
        }
    ",
    path: [
        "../../wit/wasi/io",
        "../../wit/wasi/clocks",
        "../../wit/wasi/random",
        "../../wit/wasi/filesystem",
        "../../wit/wasi/sockets",
        "../../wit/wasi/cli",
        "../../wit/wasi/http",
    ],
    world: "wasinn:web/web",
    generate_all,
});

mod body;
mod client;

use body::{drain, finish, send, start};
use exports::wasi::http::incoming_handler::Guest;
use wasi::clocks::monotonic_clock;
use wasi::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};

struct Web;

export!(Web);

impl Guest for Web {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/hello" => hello(&request, out),
            "/echo" => echo(request, out),
            "/get" => client::get(query, out),
            "/post" => client::post(query, out),
            "/hoard" => client::hoard(query, out),
            "/pour" => pour(query.parse().expect("a number"), out),
            "/late" => late(query.parse().expect("a number"), out),
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::LoopDetected)),
            "/cut" => cut(out),
            "/silent" => {}
            "/trap" => panic!("as asked"),
            "/spin" => spin(),
            "/flood" => flood(),
            _ => {
                let response = OutgoingResponse::new(Fields::new());
                response.set_status_code(404).unwrap();
                ResponseOutparam::set(out, Ok(response));
            }
        }
    }
}

/// Tells what the request is.
fn hello(request: &IncomingRequest, out: ResponseOutparam) {
    let mut text = format!("{:?} {:?} {:?}\n", request.method(), request.scheme(), request.authority());
    for (name, value) in request.headers().entries() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    let headers = Fields::from_list(&[("X-Guest".into(), b"web".to_vec()), ("content-type".into(), b"text/plain".to_vec())]).unwrap();
    let body = start(out, headers);
    send(&body, text.as_bytes());
    finish(body, None);
}

/// Sends the request's body and trailers back while they come.
fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().unwrap();
    let outgoing = start(out, Fields::new());
    let trailers = {
        let to = outgoing.write().unwrap();
        let from = incoming.stream().unwrap();
        while to.blocking_splice(&from, 1 << 20).is_ok() {}
        drop((to, from));
        body::trailers(incoming)
    };
    finish(outgoing, trailers);
}

/// Sends many bytes.
fn pour(mut bytes: usize, out: ResponseOutparam) {
    let outgoing = start(out, Fields::new());
    let piece = [b'x'; 50_000];
    let stream = outgoing.write().unwrap();
    while bytes > 0 {
        let n = bytes.min(piece.len());
        drain(&stream, &piece[..n]);
        bytes -= n;
    }
    drop(stream);
    finish(outgoing, None);
}

/// Goes on for some milliseconds after its response is complete.
fn late(milliseconds: u64, out: ResponseOutparam) {
    let outgoing = start(out, Fields::new());
    send(&outgoing, b"done");
    finish(outgoing, None);
    monotonic_clock::subscribe_duration(milliseconds * 1_000_000).block();
}

/// Begins a body and does not finish it.
fn cut(out: ResponseOutparam) {
    let outgoing = start(out, Fields::new());
    send(&outgoing, b"some");
}

fn spin() {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n + 1);
    }
}

/// Adds fields until the host has enough.
fn flood() {
    let fields = Fields::new();
    let value = vec![b'x'; 4096];
    loop {
        fields.append("x-flood", &value).unwrap();
    }
}
