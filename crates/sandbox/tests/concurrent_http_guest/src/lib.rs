//! An HTTP service (WASI 0.3) that does what its path says.

use wasip3::clocks::monotonic_clock;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Guest;

wasip3::http::service::export!(Guest);

impl wasip3::exports::http::handler::Guest for Guest {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let whole = request.get_path_with_query().unwrap_or_default();
        let (path, query) = whole.split_once('?').unwrap_or((&whole, ""));
        match path {
            "/" => Ok(text(b"Hello, sprat!".to_vec())),
            "/echo" => {
                let (_, end) = wit_future::new(|| Ok(()));
                let (body, trailers) = Request::consume_body(request, end);
                Ok(Response::new(Fields::new(), Some(body), trailers).0)
            }
            "/error" => Err(ErrorCode::InternalError(Some("of its own".into()))),
            "/trap" => panic!("trapped"),
            "/sleep" => {
                monotonic_clock::wait_for(query.parse::<u64>().expect("a number") * 1_000_000).await;
                Ok(text(b"slept".to_vec()))
            }
            "/large" => Ok(text(vec![b'x'; query.parse().expect("a number")])),
            "/fetch" => {
                let (authority, path) = query.split_once('/').expect("authority and path");
                let (_, none) = wit_future::new(|| Ok(None));
                let (request, _) = Request::new(Fields::new(), None, none, None);
                request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
                request.set_authority(Some(authority)).expect("an authority");
                request.set_path_with_query(Some(&format!("/{path}"))).expect("a path");
                // Passed on as it is: the host moves the body.
                client::send(request).await
            }
            "/after" => {
                wit_bindgen::spawn_local(async {
                    monotonic_clock::wait_for(20_000_000).await;
                    let (mut out, end) = wit_stream::new();
                    let written = wasip3::cli::stdout::write_via_stream(end);
                    out.write_all(b"afterwards\n".to_vec()).await;
                    drop(out);
                    let _ = written.await;
                });
                Ok(text(b"answered".to_vec()))
            }
            _ => {
                let response = text(b"no such path".to_vec());
                response.set_status_code(404).expect("a status");
                Ok(response)
            }
        }
    }
}

fn text(bytes: Vec<u8>) -> Response {
    let (mut body, end) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move {
        body.write_all(bytes).await;
    });
    Response::new(Fields::new(), Some(end), trailers).0
}
