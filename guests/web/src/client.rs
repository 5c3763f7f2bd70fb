//! Requests of the guest's own, to a URL in the query: AUTHORITY/PATH.

use crate::body::{drain, finish, read, send, start};
use crate::wasi::http::outgoing_handler::{self, ErrorCode};
use crate::wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, ResponseOutparam, Scheme,
};

fn request(url: &str, method: Method) -> OutgoingRequest {
    let (authority, path) = url.split_once('/').unwrap_or((url, ""));
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&method).unwrap();
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some(&format!("/{path}"))).unwrap();
    request
}

fn wait(future: FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    future.subscribe().block();
    future.get().unwrap().unwrap()
}

/// Fetches the URL and passes the body on while it comes.
pub fn get(url: &str, out: ResponseOutparam) {
    let response = outgoing_handler::handle(request(url, Method::Get), None).and_then(wait);
    let outgoing = start(out, Fields::new());
    match response {
        Err(error) => send(&outgoing, format!("error {error:?}").as_bytes()),
        Ok(response) => {
            let incoming = response.consume().unwrap();
            let from = incoming.stream().unwrap();
            let to = outgoing.write().unwrap();
            drain(&to, format!("status {}\n", response.status()).as_bytes());
            while to.blocking_splice(&from, 1 << 20).is_ok() {}
        }
    }
    finish(outgoing, None);
}

/// Posts a body that is bigger than any buffer and tells how much came back.
pub fn post(url: &str, out: ResponseOutparam) {
    let request = request(url, Method::Post);
    let body = request.body().unwrap();
    let text = match outgoing_handler::handle(request, None) {
        Err(error) => format!("error {error:?}"),
        Ok(future) => {
            send(&body, &vec![b'y'; 1_000_000]);
            OutgoingBody::finish(body, None).unwrap();
            match wait(future) {
                Err(error) => format!("error {error:?}"),
                Ok(response) => format!("posted {}", read(&response.consume().unwrap()).map_or(0, |b| b.len())),
            }
        }
    };
    let outgoing = start(out, Fields::new());
    send(&outgoing, text.as_bytes());
    finish(outgoing, None);
}

/// Begins requests until it gets no more.
pub fn hoard(url: &str, out: ResponseOutparam) {
    let mut futures = Vec::new();
    let error = loop {
        match outgoing_handler::handle(request(url, Method::Get), None) {
            Ok(future) => futures.push(future),
            Err(error) => break error,
        }
    };
    let outgoing = start(out, Fields::new());
    send(&outgoing, format!("hoarded {} {error:?}", futures.len()).as_bytes());
    finish(outgoing, None);
}
