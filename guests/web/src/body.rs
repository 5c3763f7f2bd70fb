//! Bodies in both directions.

use crate::wasi::http::types::{Fields, IncomingBody, OutgoingBody, OutgoingResponse, ResponseOutparam};
use crate::wasi::io::streams::{OutputStream, StreamError};

/// Sets a response with status 200 and returns its body.
pub fn start(out: ResponseOutparam, headers: Fields) -> OutgoingBody {
    let response = OutgoingResponse::new(headers);
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

/// Writes everything to a body that nothing was written to.
pub fn send(body: &OutgoingBody, bytes: &[u8]) {
    drain(&body.write().unwrap(), bytes);
}

/// Writes everything, as much at a time as is allowed.
pub fn drain(stream: &OutputStream, mut bytes: &[u8]) {
    let ready = stream.subscribe();
    while !bytes.is_empty() {
        ready.block();
        let n = (stream.check_write().unwrap() as usize).min(bytes.len());
        stream.write(&bytes[..n]).unwrap();
        bytes = &bytes[n..];
    }
}

/// Ends a body.
pub fn finish(body: OutgoingBody, trailers: Option<Fields>) {
    OutgoingBody::finish(body, trailers).unwrap();
}

/// Reads a body to its end.
pub fn read(body: &IncomingBody) -> Result<Vec<u8>, StreamError> {
    let stream = body.stream().unwrap();
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(1 << 20) {
            Ok(bytes) => all.extend(bytes),
            Err(StreamError::Closed) => return Ok(all),
            Err(error) => return Err(error),
        }
    }
}

/// Waits for what comes after a body.
pub fn trailers(body: IncomingBody) -> Option<Fields> {
    let future = IncomingBody::finish(body);
    future.subscribe().block();
    future.get().unwrap().unwrap().ok().flatten()
}
