//! An HTTP service: it answers each request with a greeting, from an instance of its own.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Web;

wasip2::http::proxy::export!(Web);

impl wasip2::exports::http::incoming_handler::Guest for Web {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, text) = match path.split('?').next() {
            Some("/") => (200, "Hello from Sprat!\n".to_owned()),
            Some(name) => match name.strip_prefix("/hello/") {
                Some(name) if !name.is_empty() => (200, format!("Hello, {name}!\n")),
                _ => (404, format!("There is nothing at {path}.\n")),
            },
            None => (400, String::new()),
        };
        let fields = Fields::new();
        fields.set("content-type", &[b"text/plain; charset=utf-8".to_vec()]).expect("a field that may be set");
        let answer = OutgoingResponse::new(fields);
        answer.set_status_code(status).expect("a status");
        let body = answer.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(answer));
        let stream = body.write().expect("the stream is taken once");
        // Who went away needs no answer.
        if stream.blocking_write_and_flush(text.as_bytes()).is_ok() {
            drop(stream);
            let _ = OutgoingBody::finish(body, None);
        }
    }
}
